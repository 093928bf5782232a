"""What a person calls something: letters that can be shown, and not more of them than fit on a line."""

import re
from collections.abc import Iterable
from itertools import count
from typing import Final
from unicodedata import category, normalize

from workbench.errors import Invalid

MOST_LETTERS: Final = 120
_UNSHOWN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tabs and line ends, halves of characters, and marks that turn the letters after them around."""


def is_shown(text: str) -> bool:
    r"""Return whether a text has nothing in it that cannot be seen, or that makes the rest look like something else.

    Examples
    --------
    >>> is_shown("Careful, Tübingen"), is_shown("a\0b"), is_shown("\u202egnp.exe")
    (True, False, False)
    """
    return _UNSHOWN.search(text) is None


def read_name(text: str, field: str = "name") -> str:
    """Return a name without the spaces around it.

    Raises
    ------
    Invalid
        If it is empty, too long or cannot be shown on one line.
    """
    name = text.strip()
    if not 0 < len(name) <= MOST_LETTERS:
        raise Invalid(field, f"a name of up to {MOST_LETTERS} letters", name[:40])
    if not is_shown(name) or len(name.splitlines()) > 1:
        raise Invalid(field, "a name that can be shown on one line", name)
    return name


def read_account_name(text: str, field: str = "name") -> str:
    """Return an account's name, which stands in addresses and is typed by whoever looks for it.

    Raises
    ------
    Invalid
        If it is none, is `*`, which stands for all accounts, or has letters that cannot be seen.
    """
    name = read_name(text, field)
    if name == "*":
        raise Invalid(field, "another name than that which stands for all accounts", name)
    if seen(name) != name:
        raise Invalid(field, "a name without letters that cannot be seen", ascii(name).strip("'"))
    return name


def seen(text: str) -> str:
    r"""Return a text without the letters that cannot be seen, such as joiners and marks of direction.

    Examples
    --------
    >>> seen("Mor\u200bning\x07")
    'Morning'
    """
    return "".join(letter for letter in text if category(letter) not in ("Cc", "Cf"))


def numbered(name: str, others: Iterable[str]) -> str:
    """Return a name that is not alike any other: itself, or with the first number behind it that is free.

    Examples
    --------
    >>> numbered("Morning", ["Evening"]), numbered("Morning", ["morning", "Morning 2"])
    ('Morning', 'Morning 3')
    """
    taken = {_folded(other) for other in others}
    numbers = (f" {number}" for number in count(2))
    found = name
    while _folded(found) in taken:
        last = next(numbers)
        found = name[: MOST_LETTERS - len(last)].rstrip() + last
    return found


def alike(name: str, others: Iterable[str]) -> str | None:
    """Return the first of some names that a person would take for the same as another one, or None.

    Large and small letters are the same, and so are the ways in which one letter can be written.

    Examples
    --------
    >>> alike("SECOND", ["First", "second"]), alike("Straße", ["STRASSE"]), alike("Third", ["second"])
    ('second', 'STRASSE', None)
    """
    wanted = _folded(name)
    return next((other for other in others if _folded(other) == wanted), None)


def _folded(name: str) -> str:
    return normalize("NFKC", normalize("NFKC", name).casefold())
