"""Exact money: the decimal context and the one rounding rule.

Money, prices and quantities are `Decimal`. Inside the fold the current context is `EXACT`: 28 digits, half-even, and
every operation that would lose a digit raises. So nothing is rounded unless it says so, through `rounded`, `product`,
`floor_quotient` or `share`, and each of these rounds an exact value once.
"""

from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
)
from functools import cache
from typing import Final

from workbench.errors import Invalid, TooManyDigits

PRECISION: Final = 28
CASH_DECIMALS: Final = 8

_errors = [InvalidOperation, DivisionByZero, Overflow, FloatOperation]
LEDGER: Final = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN, traps=_errors)
"""Rounds half-even; used where a rounding is meant."""
EXACT: Final = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN, traps=[*_errors, Inexact])
"""Raises `Inexact` rather than round; current inside the fold."""
_DOWN: Final = Context(prec=PRECISION, rounding=ROUND_DOWN, traps=_errors)

ZERO: Final = Decimal(0)


@cache
def quantum(decimals: int) -> Decimal:
    """Return the smallest step with that many decimals, such as `Decimal("0.01")` for 2."""
    return Decimal(1).scaleb(-decimals)


CASH_QUANTUM: Final = quantum(CASH_DECIMALS)
NO_CASH: Final = Decimal(0).quantize(CASH_QUANTUM)
MOST_CASH: Final = Decimal(10) ** 12
_MOST_PLACES: Final = 400
"""Before or after the point: floats have no more, and a number is written with all of them."""


def to_decimal(value: object, field: str = "number") -> Decimal:
    """Return a caller's number through its shortest decimal text.

    Parameters
    ----------
    value
        A `Decimal`, `int`, `float`, `str`, or a NumPy scalar.
    field
        What the number is, for the sentence of a refusal.

    Raises
    ------
    Invalid
        If it is not a finite number, or one that takes more than some hundred digits to write.

    Examples
    --------
    >>> to_decimal(0.1)
    Decimal('0.1')
    """
    if isinstance(value, bool):
        raise Invalid(field, "a number", value)
    try:
        number = LEDGER.create_decimal(value if isinstance(value, (Decimal, int)) else str(value).strip())
    except Overflow:
        raise Invalid(field, f"a number of at most {_MOST_PLACES} digits", value) from None
    except InvalidOperation:
        raise Invalid(field, "a number", value) from None
    if not number.is_finite():
        raise Invalid(field, "a finite number", str(value))
    if abs(number.adjusted()) > _MOST_PLACES:
        raise Invalid(field, f"a number of at most {_MOST_PLACES} digits", value)
    return number


def opening_cash(value: object) -> Decimal:
    """Return the cash that an account begins with, 8 decimals.

    Raises
    ------
    Invalid
        If it is not above zero and at most 10^12.
    """
    amount = to_decimal(value, "cash")
    if not CASH_QUANTUM <= amount <= MOST_CASH:
        raise Invalid("cash", f"an amount from {text(CASH_QUANTUM)} to 10^12", value)
    return rounded(amount, CASH_DECIMALS)


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Return the value rounded half-even to that many decimals.

    Examples
    --------
    >>> rounded(Decimal("2.345"), 2), rounded(Decimal("2.355"), 2)
    (Decimal('2.34'), Decimal('2.36'))
    """
    return value.quantize(quantum(decimals), context=LEDGER)


def product(a: Decimal, b: Decimal, decimals: int) -> Decimal:
    """Return a times b, exact and then rounded half-even once.

    Raises
    ------
    TooManyDigits
        If 28 digits cannot hold the product.
    """
    return exact_product(a, b).quantize(quantum(decimals), context=LEDGER)


def exact_product(a: Decimal, b: Decimal) -> Decimal:
    """Return a times b to the last digit.

    Raises
    ------
    TooManyDigits
        If 28 digits cannot hold it.
    """
    try:
        return EXACT.multiply(a, b)
    except Inexact:
        raise TooManyDigits(a, b, PRECISION) from None


def floor_quotient(a: Decimal, b: Decimal, decimals: int) -> Decimal:
    """Return a divided by b, rounded down to that many decimals.

    Cutting at 28 digits and then at `decimals` is one cut: the coarser grid lies on the finer.

    Examples
    --------
    >>> floor_quotient(Decimal(2), Decimal(3), 4)
    Decimal('0.6666')
    """
    return _DOWN.divide(a, b).quantize(quantum(decimals), context=_DOWN)


def share(amount: Decimal, part: Decimal, whole: Decimal, decimals: int = CASH_DECIMALS) -> Decimal:
    """Return `amount * part / whole`, rounded half-even once, by whole numbers of any length.

    Examples
    --------
    >>> share(Decimal("10.00000000"), Decimal(1), Decimal(3))
    Decimal('3.33333333')
    """
    if part == whole:
        return rounded(amount, decimals)
    (a, of_a), (p, of_p), (w, of_w) = amount.as_integer_ratio(), part.as_integer_ratio(), whole.as_integer_ratio()
    return Decimal(_divide_half_even(a * p * of_w * 10**decimals, of_a * of_p * w)).scaleb(-decimals, context=LEDGER)


def per_unit(amount: Decimal, quantity: Decimal, decimals: int) -> Decimal:
    """Return the amount for one unit, rounded half-even: an average price."""
    return share(amount, Decimal(1), quantity, decimals)


def units(value: Decimal, decimals: int) -> int:
    """Return the value as a whole number of its smallest steps; `Inexact` if it has more decimals than that."""
    return int(value.quantize(quantum(decimals), context=EXACT).scaleb(decimals, context=EXACT))


def text(value: Decimal) -> str:
    """Return the number in plain digits, never with an exponent."""
    return format(value, "f")


def _divide_half_even(top: int, bottom: int) -> int:
    if bottom < 0:
        top, bottom = -top, -bottom
    quotient, remainder = divmod(top, bottom)
    twice = 2 * remainder
    return quotient + (twice > bottom or (twice == bottom and quotient % 2 == 1))
