"""Bounded looks into any table: a page of its rows, how many there are, one of them.

A table may have millions of rows, and none of these reads costs more for that. What would have to be sought in all of them
is sought in the newest `MOST`; what has to be counted is counted up to there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import JSON, BigInteger, ColumnElement, Connection, Float, Row, Table, cast, func, literal, select, type_coerce

MOST: Final = 100_000
_LARGEST: Final = 2**63


class Reach(msgspec.Struct, frozen=True):
    """How far one looks into a table.

    Parameters
    ----------
    newest
        What rises with every row that is added, and is quick to go by.
    is_large
        Whether there may be more rows than can be looked at.
    is_dense
        Whether `newest` counts the rows without a gap, as the ids of the log do: its end is then their number.
    """

    table: Table
    newest: ColumnElement[Any]
    is_large: bool = False
    is_dense: bool = False


def page(
    connection: Connection,
    reach: Reach,
    where: ColumnElement[bool] | None = None,
    order: Sequence[ColumnElement[Any]] = (),
    skip: int = 0,
    limit: int = 25,
) -> Sequence[Row[Any]]:
    """Return some rows of a table, the newest first where no order is given.

    Parameters
    ----------
    skip
        How many rows come before them; there is nothing beyond `MOST`, but in a dense table by its own order.
    """
    query = select(reach.table).limit(limit)
    if where is None and not order and reach.is_dense:
        return connection.execute(query.where(reach.newest <= _end(connection, reach) - skip).order_by(reach.newest.desc())).all()
    if skip >= MOST:
        return []
    if where is not None or order:
        query = _within(connection, reach, query)
    if where is not None:
        query = query.where(where)
    return connection.execute(query.order_by(*order, reach.newest.desc()).offset(skip)).all()


def count(connection: Connection, reach: Reach, where: ColumnElement[bool] | None = None) -> int:
    """Return how many rows there are; `MOST` where there are that many or more, unless the table is dense."""
    if where is None and reach.is_dense:
        return _end(connection, reach)
    query = select(literal(1)).select_from(reach.table).limit(MOST)
    if where is not None:
        query = _within(connection, reach, query).where(where)
    return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def counts(connection: Connection, reaches: Mapping[str, Reach]) -> dict[str, int]:
    """Return how many rows each of some tables has, as `count` says it, in one statement."""
    columns = []
    for name, reach in reaches.items():
        bounded = select(literal(1)).select_from(reach.table).limit(MOST).subquery()
        query = select(func.max(reach.newest)) if reach.is_dense else select(func.count()).select_from(bounded)
        columns.append(query.scalar_subquery().label(name))
    return {name: found or 0 for name, found in connection.execute(select(*columns)).one()._mapping.items()}


def find(connection: Connection, table: Table, keys: Mapping[str, str]) -> Row[Any] | None:
    """Return the row that has some values, written as an address writes them; None where there is none."""
    query = select(table)
    for name, text in keys.items():
        column = table.c[name]
        if column.type.python_type is int:
            if not (text.isascii() and text.isdigit() and int(text) < _LARGEST):
                return None
            query = query.where(column == int(text))
        else:
            query = query.where(column == text)
    return connection.execute(query.limit(1)).first()


def inside(column: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """Return what a struct that is kept as JSON has under a name, to be sought and sorted by; nothing where it leaves that out."""
    found: ColumnElement[str] = type_coerce(column, JSON)[name].as_string()
    return found


def number_inside(column: ColumnElement[Any], name: str) -> ColumnElement[float]:
    """Return a number that a struct has under a name; 0 where it leaves that out."""
    return func.coalesce(cast(inside(column, name), Float), 0.0)


def time_inside(column: ColumnElement[Any], name: str) -> ColumnElement[int]:
    """Return a time in milliseconds that a struct has under a name; nothing where it leaves that out."""
    return cast(inside(column, name), BigInteger)


def _end(connection: Connection, reach: Reach) -> int:
    return int(connection.execute(select(func.coalesce(func.max(reach.newest), 0))).scalar_one())


def _within(connection: Connection, reach: Reach, query: Any) -> Any:
    """Return a query held to the newest rows, where there may be too many to look at all."""
    if not reach.is_large:
        return query
    if reach.is_dense:
        return query.where(reach.newest > _end(connection, reach) - MOST)
    walk = select(reach.newest).select_from(reach.table).order_by(reach.newest.desc()).offset(MOST).limit(1)
    floor = connection.execute(walk).scalar()
    return query if floor is None else query.where(reach.newest > floor)
