"""What was expected of a value that came in, and what was found, in words instead of those of the decoder."""

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from workbench.errors import Invalid

WORDS: Final = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "null": "null", "array": "a list",
    "object": "an object",
}  # fmt: skip
"""The decoder's names of kinds, as a person calls them."""
_BOUNDS: Final = ((r"` >= (\S+)", " from {}"), (r"` <= (\S+)", " up to {}"), (r"of length <= (\d+)", " of at most {} characters"))


class Bare(str):
    """Words that a sentence has without quotes."""

    def __repr__(self) -> str:
        return str(self)


def kind_of(value: Any) -> Bare:
    """Return what a value of JSON is, in words.

    Examples
    --------
    >>> kind_of(None), kind_of([5]), kind_of("2000"), kind_of(0.5), kind_of(True)
    (null, a list, the text '2000', the number 0.5, true)
    """
    match value:
        case None:
            return Bare("null")
        case bool():
            return Bare("true" if value else "false")
        case str():
            return Bare(f"the text {value!r}")
        case int() | float():
            return Bare(f"the number {value!r}")
        case _:
            return Bare(WORDS["array"] if isinstance(value, list) else WORDS["object"])


def misread(problem: msgspec.ValidationError, given: Mapping[str, Any], struct: type[msgspec.Struct], other: str) -> Invalid:
    """Return the refusal of values that are not of the kinds that a struct has.

    Parameters
    ----------
    other
        The field that is meant where the decoder names none.

    Examples
    --------
    >>> class Asked(msgspec.Struct):
    ...     count: int = 5
    >>> try:
    ...     msgspec.convert({"count": "5"}, Asked)
    ... except msgspec.ValidationError as problem:
    ...     print(misread(problem, {"count": "5"}, Asked, ""))
    count: expected a whole number, found the text '5'.
    """
    what, _, where = str(problem).partition(" - at ")
    missing = re.search(r"missing required field `(\w+)`", what)
    if missing is not None:
        return Invalid(missing[1], "a value", Bare("nothing"))
    path = where.strip("`").removeprefix("$").removeprefix(".")
    name = re.split(r"[.\[]", path)[0] or other
    got = re.search(r"got `(\w+)`", what)
    # Of what lies inside a value the decoder says the kind only.
    found = kind_of(given[name]) if path == name and name in given else Bare(WORDS.get(got[1], got[1]) if got else "something else")
    return Invalid(name, _expected(what, struct, name), found)


def _expected(what: str, struct: type[msgspec.Struct], name: str) -> str:
    told = expected_kind(what)
    if told is None:
        choices = [arg for info in msgspec.structs.fields(struct) if info.name == name for arg in get_args(info.type) if arg]
        return "one of " + ", ".join(map(repr, choices)) if choices else "another value"
    return told


def expected_kind(what: str) -> str | None:
    """Return what the decoder expected of a value, in words; None where it does not say a kind.

    Examples
    --------
    >>> expected_kind("Expected `int` >= 1"), expected_kind("Expected `int | null`, got `str`"), expected_kind("Invalid enum value")
    ('a whole number from 1', 'a whole number', None)
    """
    kinds = re.match(r"Expected `([^`]+)`", what)
    if kinds is None:
        return None
    named = kinds[1].split(" | ")
    # Of what may be left out as well, and of whole numbers where any will do, there is nothing to say.
    told = [kind for kind in named if kind != "null" and not (kind == "int" and "float" in named)]
    words = [WORDS.get(kind, kind) for kind in told or named]
    bounds = [text.format(found[1]) for pattern, text in _BOUNDS if (found := re.search(pattern, what))]
    return " or ".join(words) + "".join(bounds)
