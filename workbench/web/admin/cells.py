"""How a value is shown in a cell, and how it is written in a CSV file.

A gain and a loss have a sign and an arrow beside their colour. A file has the exact digits, without the thousands.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from workbench.domain.bars import as_ts
from workbench.domain.events import canonical
from workbench.web import filters
from workbench.web.filters import NOTHING
from workbench.web.zone import zone_key

ADMIN: Final = "/paper-trading/admin"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Cell(msgspec.Struct, frozen=True):
    """A value as it is shown.

    Parameters
    ----------
    plain
        As a file has it.
    tone
        Its classes.
    title
        The whole of it, where it is shown shortened.
    address
        Where it leads.
    is_block
        Whether it is several lines of code.
    """

    text: str
    plain: str
    tone: str = ""
    title: str = ""
    address: str = ""
    is_block: bool = False


EMPTY: Final = Cell(NOTHING, "", "faint")


def text(value: Any) -> Cell:
    """Show words."""
    said = str(value)
    return Cell(said, unformulated(said), title=said if len(said) > 60 else "") if said else EMPTY


def unformulated(said: str) -> str:
    """Return words that a spreadsheet does not take for a formula."""
    return f"'{said}" if said.startswith(_FORMULA) else said


def code(value: Any) -> Cell:
    """Show an id or a hash, shortened in the middle."""
    return Cell(filters.short(str(value)), unformulated(str(value)), "code", str(value)) if value else EMPTY


def account(value: Any) -> Cell:
    """Show an account, and lead to it."""
    return _leading(value, "papertradingaccount")


def session(value: Any) -> Cell:
    """Show a session, and lead to it."""
    return _leading(value, "papertradingsession")


def _leading(value: Any, key: str) -> Cell:
    return msgspec.structs.replace(code(value), address=f"{ADMIN}/{key}/detail?pk={value}") if value else EMPTY


def count(value: Any) -> Cell:
    """Show a whole number."""
    return Cell(f"{value:,}", str(value), "num")


def number(value: Any) -> Cell:
    """Show a factor, with the digits that matter."""
    return Cell(filters.figure(float(value)), _digits(value), "num")


def money(value: Any) -> Cell:
    """Show an amount."""
    return Cell(filters.money(value), _digits(value), "num", title=_digits(value))


def price(value: Any) -> Cell:
    """Show a price."""
    return Cell(filters.price(value), _digits(value), "num", title=_digits(value))


def quantity(value: Any) -> Cell:
    """Show how much of a token."""
    return Cell(filters.quantity(value), _digits(value), "num", title=_digits(value))


def result(value: Any) -> Cell:
    """Show a gain or a loss: by its sign, its arrow and its colour."""
    return Cell(
        f"{filters.arrow(value)} {filters.signed(value)}", _digits(value), f"num {filters.direction(value)}", _digits(value)
    )


def share(value: Any) -> Cell:
    """Show a share in percent."""
    return Cell(filters.percent(value), _digits(value), "num")


def result_share(value: Any) -> Cell:
    """Show a gain or a loss as a share: by its sign, its arrow and its colour."""
    hundredfold = value * 100
    shown = f"{filters.arrow(hundredfold)} {filters.signed_percent(value)}"
    return Cell(shown, _digits(value), f"num {filters.direction(hundredfold)}")


def win_rate(value: Any) -> Cell:
    """Show a win rate: above a half as a gain, below as a loss, with the arrow that says so."""
    off = value - 0.5
    return Cell(f"{filters.arrow(off)} {filters.percent(value)}", _digits(value), f"num {filters.direction(off)}")


def confidence(value: Any) -> Cell:
    """Show how sure something was, from 0 to 100."""
    return Cell(f"{value:.0f}{filters.NARROW}%", f"{value:g}", "num")


def moment(value: Any) -> Cell:
    """Show a time, whether it is kept as one or as milliseconds."""
    ts = as_ts(value) if isinstance(value, datetime) else int(value)
    return Cell(filters.moment(ts), filters.iso(ts), "time", filters.utc(ts) if zone_key() != "UTC" else "") if ts >= 0 else EMPTY


def flag(value: Any) -> Cell:
    """Show yes or no."""
    return Cell("yes" if value else "no", "yes" if value else "no", "" if value else "faint")


def side(value: Any) -> Cell:
    """Show which way it went."""
    return Cell(f"{'▲' if value == 'buy' else '▼'} {value}", str(value), "side")


def chip(value: Any) -> Cell:
    """Show where something stands."""
    return Cell(filters.words(str(value)), str(value), f"chip {str(value).lower()}") if value else EMPTY


def json(value: Any) -> Cell:
    """Show what a struct or a text of JSON holds, a line for each of its parts."""
    raw = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else canonical(value)
    return Cell(msgspec.json.format(raw, indent=2).decode(), raw.decode(), "code", is_block=True) if raw else EMPTY


def _digits(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else repr(value)
