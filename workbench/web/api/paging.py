"""How lists are asked for: so many at most, before a cursor, within a time; one declaration for every list."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from litestar.params import ParameterKwarg, QueryParameter

from workbench.domain.bars import as_ts
from workbench.domain.names import MOST_LETTERS
from workbench.errors import Invalid
from workbench.web.api.envelope import listed
from workbench.web.api.shapes import Items

Row = TypeVar("Row")
Item = TypeVar("Item")
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="So many at most.")]
Before = Annotated[
    int | None, QueryParameter(
        ge=0, le=2**63 - 1,
        description="The `next` of an earlier answer: what comes after it. A page may be short, or empty, and have a `next`.",
    ),
]  # fmt: skip
Text = Annotated[str, QueryParameter(max_length=200)]
Session = Annotated[str, QueryParameter(max_length=200, description="A session's id, or the first letters of it.")]
Token = Annotated[str, QueryParameter(max_length=200, description="A token's symbol, in whatever case.")]
Command = Annotated[
    int | None, QueryParameter(ge=0, le=2**63 - 1, description="The `command_id` that was answered when it was asked for.")
]
Account = Annotated[
    str, QueryParameter(max_length=MOST_LETTERS, description="An account's id or name; the default one where left out.")
]
When = Annotated[
    str, QueryParameter(max_length=40, description="A time in ISO-8601, UTC where it names no zone, or milliseconds since 1970.")
]

Until = Annotated[str, QueryParameter(max_length=40, description="A time as in `since`; what is at it or after it is left out.")]


def one_of(known: Iterable[str], description: str = "") -> ParameterKwarg:
    """Return the declaration of a parameter that has one of these values, in whatever case; nothing is asked where it is empty."""
    return QueryParameter(schema_extra={"enum": ["", *known]}, description=description or None)


def page_of(
    rows: Sequence[Row], limit: int, shape: Callable[[Row], Item], cursor: Callable[[Row], int], went_to: int | None = None
) -> Items[Item]:
    """Return a page of a list, for which one row more was read than it shows.

    Parameters
    ----------
    went_to
        Where a bounded look stopped before it had found as many; the next page goes on from there.
    """
    shown = rows[:limit]
    return listed([shape(row) for row in shown], cursor(shown[-1]) if len(rows) > limit else went_to)


def moment(name: str, text: str) -> int | None:
    """Return a time that an address names, in milliseconds UTC; None where it names none.

    Raises
    ------
    Invalid
        If it is no time.

    Examples
    --------
    >>> moment("since", "2026-01-01"), moment("since", "1767225600000"), moment("since", "")
    (1767225600000, 1767225600000, None)
    """
    if not text:
        return None
    if text.isascii() and text.isdigit():
        if len(text) > 15:
            raise Invalid(name, "a time in ISO-8601, or milliseconds since 1970", text)
        return int(text)
    try:
        # A plus in an address is a space where it was not written as %2B.
        read = datetime.fromisoformat(text.replace(" 0", "+0") if "T" in text else text)
    except ValueError:
        raise Invalid(name, "a time in ISO-8601 such as 2026-11-25T18:00Z, or milliseconds since 1970", text) from None
    return as_ts(read if read.tzinfo else read.replace(tzinfo=UTC))
