"""Every error the workbench raises on purpose.

```
WorkbenchError
├ Refused              the person can fix it; never retried
│ ├ Malformed          400  it could not be read at all
│ ├ NotFound           404  nothing has that name
│ ├ Conflict           409  it is not the moment for it
│ ├ DoesNotFit         422  a bound of its own stands against it
│ └ Invalid            422  it was read, and a value is out of bounds
│   └ BadBar           422  a bar that cannot be true
├ TryLater             the world will fix it; the job retries
│ └ SourceUnavailable  prices cannot be had just now
└ Broken               we must fix it; the session stops, loudly
  ├ LedgerBroken       the accounting identity does not hold
  ├ TooManyDigits      a product of money does not fit into 28 digits
  ├ HoleInData         the session was told to stop at a hole
  ├ CodeChanged        a file of the user's own is not what its session began with
  └ LogBroken          the event log is not what was written
```

Errors carry their facts as attributes and build their own sentence: what was expected, what was found.
They are caught at three places: the web's error handler, the job boundary and the feed loop (the command line
prints them). Elsewhere a `try` names one error and does something about it.
"""

import difflib
from collections.abc import Iterable
from decimal import Decimal
from typing import Final


class WorkbenchError(Exception):
    """Something went wrong that the workbench has a sentence for."""

    @property
    def code(self) -> str:
        """The error's name as callers of the API see it, such as `not_found`."""
        name = type(self).__name__
        return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


_MOST_SHOWN: Final = 200


def shortened(shown: str) -> str:
    """Return what was found as a sentence tells it: of a long text its beginning, and how long it is."""
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}… ({len(shown):,} characters)"


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:_MOST_SHOWN], tuple(known), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def _written(found: object) -> str:
    """Return what was found as a person writes it.

    Examples
    --------
    >>> print(*map(_written, ["abc", "two words", Decimal("-5"), Decimal("1E-8"), None, True, [None]]), sep=" | ")
    'abc' | two words | -5 | 0.00000001 | nothing | true | [None]
    """
    match found:
        case str():
            return found if " " in found else repr(found)
        case Decimal():
            # A number of a few letters may have a milliard digits.
            return format(found, "f") if found.is_finite() and abs(found.adjusted()) < 30 else str(found)
        case None:
            return "nothing"
        case bool():
            return "true" if found else "false"
        case _:
            return repr(found)


class Refused(WorkbenchError):
    """The person can fix it."""

    status = 422
    field: str | None = None


class Malformed(Refused):
    """It could not be read at all."""

    status = 400

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(f"{what} could not be read: expected {expected}, found {shortened(found)}.")


class NotFound(Refused):
    """Nothing has that name."""

    status = 404

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), field: str | None = None) -> None:
        self.kind, self.name, self.known, self.field = kind, name, tuple(known), field
        listed = f" Expected one of {', '.join(self.known)}." if self.known and len(self.known) <= 12 else ""
        super().__init__(f"There is no {kind} {shortened(repr(name))}.{_hint(name, self.known)}{listed}")


class UnknownField(NotFound):
    """A request says something of which nobody asks."""

    status = 422

    def __init__(self, kind: str, name: str, known: Iterable[str] = ()) -> None:
        super().__init__(kind, name, known, field=name)


class Conflict(Refused):
    """It is not the moment for it."""

    status = 409

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"{expected[0].upper()}{expected[1:]}, but {found}.")


class Invalid(Refused):
    """It was read, and a value is not one that can be accepted."""

    def __init__(self, field: str, expected: str, found: object, known: Iterable[str] = ()) -> None:
        self.field, self.expected, self.found = field, expected, found
        super().__init__(f"{field}: expected {expected}, found {shortened(_written(found))}.{_hint(str(found), known)}")


def unlisted(field: str, found: str, known: Iterable[str]) -> Invalid:
    """Return the refusal of a value that is none of those that a field can have.

    Examples
    --------
    >>> print(unlisted("side", "bye", ["buy", "sell"]))
    side: expected one of buy, sell, found 'bye'. Did you mean 'buy'?
    """
    names = tuple(known)
    return Invalid(field, "one of " + ", ".join(names), found, names)


class DoesNotFit(Refused):
    """A bound of its own stands against it, and the sentence that says by how much is its own too."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(sentence)


class BadBar(Invalid):
    """A bar that cannot be true.

    `where` says which: an open time, or a file's row and column.
    """

    def __init__(self, where: str, field: str, expected: str, found: object) -> None:
        self.where = where
        super().__init__(f"{where}, {field}", expected, found)
        self.field = field


class TryLater(WorkbenchError):
    """The world will fix it."""


class SourceUnavailable(TryLater):
    """Prices cannot be had just now."""

    def __init__(self, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(f"The source {source!r} gave no prices: {why}.")


class Broken(WorkbenchError):
    """We must fix it."""


class LedgerBroken(Broken):
    """The accounting identity does not hold."""

    def __init__(self, rule: str, expected: object, found: object) -> None:
        self.rule, self.expected, self.found = rule, expected, found
        super().__init__(f"The ledger broke the rule {rule!r}: expected {expected}, found {found}.")


class TooManyDigits(Broken):
    """A product of money does not fit into the digits that the ledger has, and would have been rounded twice."""

    def __init__(self, a: object, b: object, digits: int) -> None:
        self.a, self.b, self.digits = a, b, digits
        super().__init__(f"{a} times {b} does not fit into {digits} digits; give the instrument fewer decimals.")


class HoleInData(Broken):
    """The session's policy is to stop at a hole, and there is one."""

    def __init__(self, symbol: str, missing: int, before: str) -> None:
        self.symbol, self.missing, self.before = symbol, missing, before
        super().__init__(
            f"{symbol} has {missing} missing bars before {before}, and this session's policy is on_hole='raise': "
            "expected no hole. Use on_hole='skip' or 'mark' to go on."
        )


class CodeChanged(Broken):
    """A file of the user's own is no longer what a session began with, and no other code is traded in its place."""

    def __init__(self, file: str, expected: str, found: str) -> None:
        self.file, self.expected, self.found = file, expected, found
        there = f"one of digest {found[:8]}" if found else "none that can be read"
        super().__init__(
            f"{file}: expected the text that the session began with, of digest {expected[:8]}, found {there}. Nothing else is "
            f"traded in its place: start another session."
        )


class LogBroken(Broken):
    """The event log is not what was written."""

    def __init__(self, stream: str, seq: int, expected: str, found: str) -> None:
        self.stream, self.seq, self.expected, self.found = stream, seq, expected, found
        super().__init__(f"The log of {stream} is damaged at event {seq}: expected {expected}, found {found}.")
