"""Two classes that do the same have one digest; two that do not have two, however small the difference."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest

from workbench.domain.params import Param
from workbench.engine.strategy import SignalStrategy
from workbench.research import identity
from workbench.research.identity import code_digest

TEXT = """
THRESHOLD = 2.0

def helper(values):
    return values * THRESHOLD

class Mine(SignalStrategy, frozen=True):
    memory: ClassVar[int] = 2048
    width: Annotated[float, Param(0.5, 5.0, 0.1)] = 2.0

    @property
    def lookback(self):
        return 5

    def signals(self, bars):
        return self.measured(bars.close)

    def measured(self, close):
        return [helper(each) for each in close]
"""


def digest(text: str) -> str:
    cell = {
        "__name__": "__main__", "SignalStrategy": SignalStrategy, "ClassVar": ClassVar, "Annotated": Annotated, "Param": Param,
        "np": np,
    }  # fmt: skip
    exec(text, cell)
    return code_digest(cell["Mine"])


def test_the_same_text_has_one_digest_wherever_it_stands():
    assert digest(TEXT) == digest("\n\n# moved down\n" + TEXT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return 5", "return 6"),
        ("] = 2.0", "] = 2.5"),
        ("Param(0.5, 5.0", "Param(0.5, 6.0"),
        ("= 2048", "= 4096"),
        ("values * THRESHOLD", "values + THRESHOLD"),
        ("THRESHOLD = 2.0", "THRESHOLD = 2.1"),
        ("THRESHOLD = 2.0", "THRESHOLD = np.array([2.0])"),
        ("def helper(values)", "def helper(values, by=lambda x: 2 * x)"),
        ("for each in close", "for each in close[1:]"),
        ("def helper(values)", "def helper(values, more=1)"),
    ],
)
def test_any_change_of_what_it_does_changes_the_digest(before, after):
    assert before in TEXT
    assert digest(TEXT) != digest(TEXT.replace(before, after))


VALUES = """
import datetime, enum, fractions, functools, types, re, collections
from dataclasses import dataclass, field
from decimal import Decimal

@dataclass
class Band:
    width: float

class Side(enum.Enum):
    UP = 1
    DOWN = 2

class Opaque:
    __slots__ = ("inner",)
    def __init__(self, inner):
        self.inner = inner

def named(value):
    return value

"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("np.int64(2)", "np.int64(3)"),
        ("np.float32(2)", "np.float64(2)"),
        ("Decimal('2')", "Decimal('3')"),
        ("fractions.Fraction(1, 2)", "fractions.Fraction(1, 3)"),
        ("Band(2.0)", "Band(3.0)"),
        ("types.SimpleNamespace(a=1)", "types.SimpleNamespace(a=2)"),
        ("functools.partial(named, 1)", "functools.partial(named, 2)"),
        ("range(2)", "range(3)"),
        ("slice(2)", "slice(3)"),
        ("datetime.timedelta(1)", "datetime.timedelta(2)"),
        ("datetime.date(2026, 1, 1)", "datetime.date(2026, 1, 2)"),
        ("Side.UP", "Side.DOWN"),
        ("np.array(['a', None], object)", "np.array(['b', None], object)"),
        ("[1, [2]]", "[1, 2]"),
        ("[[1], 2]", "[[1, 2]]"),
        ("{'a': 1}", "{'a': 2}"),
        ("(1, 2)", "[1, 2]"),
        ("re.compile('a')", "re.compile('b')"),
        ("collections.deque([1])", "collections.deque([2])"),
        ("np.add", "np.subtract"),
        ("len", "sum"),
        ("lambda x: x + 1", "lambda x: x + 2"),
        ("True", "1"),
        ("complex(1, 2)", "complex(1, 3)"),
    ],
)
def test_a_constant_beside_the_class_counts_by_what_it_is(before, after):
    first, second = (VALUES + TEXT.replace("THRESHOLD = 2.0", f"THRESHOLD = {value}") for value in (before, after))
    assert digest(first) == digest(first)
    assert digest(first) != digest(second)


def test_a_value_that_nobody_can_know_is_never_taken_for_another():
    # A generator can be neither compared nor kept.
    text = TEXT.replace("THRESHOLD = 2.0", "THRESHOLD = (each for each in [1])")
    assert identity._THIS_PROCESS in [*identity._value_parts((each for each in [1]), "x", set())]
    other = VALUES + TEXT.replace("THRESHOLD = 2.0", "THRESHOLD = Opaque(1)")
    assert digest(text) == digest(text)
    assert digest(other) == digest(other)


def test_another_process_gives_the_same_digest_whatever_its_hashes(tmp_path):
    text = VALUES + TEXT.replace("THRESHOLD = 2.0", "THRESHOLD = {'a', 'b', 'c', frozenset({'d', 'e'})}").replace(
        "def helper(values)", "def helper(values, by=lambda x: 2 * x, *, more=named, each=Band(1.0))"
    )
    script = tmp_path / "told.py"
    script.write_text(f"from tests.research.test_identity import digest\nprint(digest({text!r}))")
    told = {
        subprocess.run(
            [sys.executable, str(script)], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {digest(text) + "\n"}
