"""What is traded: a token on a chain, or a pair from a file."""

import msgspec

from workbench.domain.money import CASH_DECIMALS
from workbench.errors import Invalid


class Instrument(msgspec.Struct, frozen=True):
    """A thing with a price.

    Parameters
    ----------
    chain_id
        The chain's number (8453 is Base); 0 for what does not live on a chain.
    address
        The token's address on its chain; empty off chain.
    symbol
        The name people use, such as `"WETH"` or `"BTC/USDT"`.
    quote
        What prices are counted in, such as `"USDC"`.
    price_decimals, size_decimals
        The digits behind the point of prices and of quantities. They are chosen so that price times quantity stays
        within 28 digits, for a product must be exact before it is rounded once.
    key
        The identity in the ledger, worked out and never given: the chain and, on it, the address, or the symbol where
        there is none.
    """

    chain_id: int
    address: str
    symbol: str
    quote: str
    price_decimals: int = 8
    size_decimals: int = 8
    key: str = ""

    def __post_init__(self) -> None:
        if not self.symbol.strip():
            raise Invalid("symbol", "a name such as 'BTC/USDT'", self.symbol)
        for field in ("price_decimals", "size_decimals"):
            if not 0 <= getattr(self, field) <= 18:
                raise Invalid(field, "a whole number from 0 to 18", getattr(self, field))
        if self.price_decimals + self.size_decimals > 28 - CASH_DECIMALS:
            found = f"{self.price_decimals} + {self.size_decimals}"
            raise Invalid("price_decimals + size_decimals", f"at most {28 - CASH_DECIMALS}, to keep products exact", found)
        # Asked for many times a bar, so it is worked out once.
        msgspec.structs.force_setattr(self, "key", f"{self.chain_id}:{self.address.lower() or self.symbol}")


def pair(symbol: str, price_decimals: int = 8, size_decimals: int = 8) -> Instrument:
    """Return the instrument for a symbol that lives on no chain.

    Examples
    --------
    >>> pair("BTC/USDT").quote
    'USDT'
    """
    # A frame's caller may hand in anything here.
    if not isinstance(symbol, str):  # type: ignore[redundant-expr,unused-ignore]
        raise Invalid("symbol", "a name such as 'BTC/USDT'", symbol)
    quote = symbol.partition(":")[0].replace("-", "/").rpartition("/")[2] if set("/-") & set(symbol) else "USD"
    return Instrument(0, "", symbol, quote, price_decimals, size_decimals)
