"""Two classes that do the same have one digest; two that do not have two, however small the difference."""

from typing import Annotated, ClassVar

import numpy as np
import pytest

from workbench.domain.params import Param
from workbench.engine.strategy import SignalStrategy
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
        ("for each in close", "for each in close[1:]"),
        ("def helper(values)", "def helper(values, more=1)"),
    ],
)
def test_any_change_of_what_it_does_changes_the_digest(before, after):
    assert before in TEXT
    assert digest(TEXT) != digest(TEXT.replace(before, after))
