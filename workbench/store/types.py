"""Column types that keep what they are given: exact decimals, aware times, and structs.

SQLite would bend a `Numeric` (…677 for …678) and drop a time zone.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from workbench.domain.bars import as_datetime, as_ts
from workbench.domain.events import canonical

_KEPT: Final = 1_024


class Exact(TypeDecorator[Decimal]):
    """A `Decimal`, kept as its plain digits."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """Return the digits."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """Return the number."""
        return None if value is None else Decimal(value)


class AwareTime(TypeDecorator[datetime]):
    """An aware datetime, kept as whole milliseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return the milliseconds; a naive time is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware datetime, found {value!r}")
        return as_ts(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the datetime, in UTC."""
        return None if value is None else as_datetime(value)


class Frozen(TypeDecorator[Any]):
    """A frozen struct of one type, kept as its canonical JSON.

    A page of rows names the same instrument, or the same configuration, over and over: what was read lately is not made and
    checked again. It can be shared, for nobody may change it.
    """

    impl = Text
    cache_ok = True

    def __init__(self, type_: Any) -> None:
        self.type_ = type_
        self._decoded = lru_cache(_KEPT)(msgspec.json.Decoder(type_).decode)
        super().__init__()

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the JSON."""
        return None if value is None else canonical(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the struct."""
        return None if value is None else self._decoded(value)
