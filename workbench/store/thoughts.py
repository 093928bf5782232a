"""Recorded thoughts, searched: filtered, page by page, and the one that held at a time.

However many there are, a search walks along an index from where it is asked to begin, and looks at so many at most.
"""

from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Text, func, literal, select, true, type_coerce, union_all

from workbench.domain.thoughts import Thought
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.rows import ThoughtRow
from workbench.store.snapshots import once_a_snapshot

LOOKED_THROUGH: Final = 5_000
"""How many thoughts are looked at, at most, for those that pass the filters that no index knows."""
_FOREVER: Final = 2**63 - 1


class Wanted(msgspec.Struct, frozen=True):
    """What thoughts are looked for; what is empty or None asks nothing.

    Parameters
    ----------
    gate
        The gate that stopped it.
    since, until
        Open times of bars, milliseconds UTC: from the first on, and before the second.
    """

    symbol: str = ""
    decision: str = ""
    session: str = ""
    gate: str = ""
    since: int | None = None
    until: int | None = None


class Found(msgspec.Struct, frozen=True):
    """What a search has found.

    Parameters
    ----------
    rows
        In the order that was asked for.
    went_to
        The id up to which it has looked, where it stopped before it had enough; None where there is nothing beyond.
    """

    rows: tuple[ThoughtRow, ...]
    went_to: int | None


class Held(msgspec.Struct, frozen=True):
    """The thought that held at a time, and when the next one was; None where it is the newest."""

    row: ThoughtRow
    until: int | None


class NewestThoughts(msgspec.Struct, frozen=True):
    """Recorded thoughts, newest first, and the latest evaluation of each token, whether it was recorded or not."""

    recorded: tuple[ThoughtRow, ...]
    latest: tuple[ThoughtRow, ...]


def search_thoughts(
    connection: Connection,
    account: str,
    wanted: Wanted,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
    oldest: bool = False,
) -> Found:
    """Return an account's thoughts that pass the filters, newest first.

    Parameters
    ----------
    before, after
        Only thoughts with a smaller, or a larger, id.
    oldest
        The oldest first.
    """
    found, is_known = _search(connection, account, wanted, before, after, limit, oldest)
    if wanted.symbol and not is_known:
        # What is compared by an index is compared letter by letter: perhaps it was written in another case.
        symbol = reads.spelled(connection, wanted.symbol)
        if symbol != wanted.symbol:
            again = msgspec.structs.replace(wanted, symbol=symbol)
            found, _ = _search(connection, account, again, before, after, limit, oldest)
    return found


@once_a_snapshot
def newest_thoughts(connection: Connection, account: str, session: str, limit: int) -> NewestThoughts:
    """Return an account's newest recorded thoughts, and what a session makes of each of its tokens at their newest bars."""
    c, e = t.thoughts.c, t.evaluations.c
    newest = select(c.id, c.session, c.thought).where(c.account == account).order_by(c.id.desc()).limit(limit).subquery()
    latest = select(literal(0), e.session, e.thought).where(e.session == session)
    rows = sorted(connection.execute(union_all(select(newest), latest)), key=lambda row: -row.id)
    found = [reads.thought_row(row.id, row.session, row.thought, latest=not row.id) for row in rows]
    return NewestThoughts(tuple(row for row in found if not row.latest), tuple(row for row in found if row.latest))


def read_thoughts(
    connection: Connection, account: str, wanted: Wanted, *, before: int | None = None, limit: int = 50
) -> list[ThoughtRow]:
    """Return as many thoughts that pass the filters as there are up to a limit, newest first, however far it has to look."""
    rows: list[ThoughtRow] = []
    while True:
        found = search_thoughts(connection, account, wanted, before=before, limit=limit - len(rows))
        rows += found.rows
        if len(rows) == limit or found.went_to is None:
            return rows
        before = found.went_to


def _search(
    connection: Connection, account: str, wanted: Wanted, before: int | None, after: int | None, limit: int, oldest: bool
) -> tuple[Found, bool]:
    """Return what is found, and whether there was anything at all to look at."""
    c = t.thoughts.c
    order = c.id.asc() if oldest else c.id.desc()
    walk = [c.account == account, *_bounds(account, wanted)]
    walk += [c.id < before] if before is not None else []
    walk += [c.id > after] if after is not None else []
    if wanted.symbol:
        walk.append(c.symbol == wanted.symbol)
    elif wanted.decision:
        walk.append(c.decision == wanted.decision)
    checks = _checks(wanted)
    most = LOOKED_THROUGH if checks else limit
    looked = select(c.id).where(*walk).order_by(order).limit(most).subquery()
    passing = select(t.thoughts).where(c.id.in_(select(looked.c.id)), *checks).order_by(order).limit(limit)
    if not checks:
        rows = tuple(_thought(row) for row in connection.execute(passing))
        return Found(rows, None), bool(rows)
    end = func.max(looked.c.id) if oldest else func.min(looked.c.id)
    told = select(func.count().label("looked_at"), end.label("went_to")).select_from(looked).subquery()
    those = passing.subquery()
    found = connection.execute(select(told, those).select_from(told.outerjoin(those, true()))).all()
    looked_at, went_to = found[0].looked_at, found[0].went_to
    in_order = sorted((row for row in found if row.id is not None), key=lambda row: row.id, reverse=not oldest)
    rows = tuple(_thought(row) for row in in_order)
    return Found(rows, went_to if looked_at == most and len(rows) < limit else None), looked_at > 0


def _bounds(account: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return between which ids all that is wanted lies, as far as an index can tell.

    Ids are the log's, so a session's lie between its first event and its last; and an account's time goes forwards with
    them, so a time lies beside the equity that was marked then.
    """
    c, e, p = t.thoughts.c, t.events.c, t.equity_points.c
    bounds: list[ColumnElement[bool]] = []
    if wanted.session:
        mine = select(e.id).where(e.stream == wanted.session)
        bounds.append(c.id >= func.coalesce(mine.order_by(e.seq).limit(1).scalar_subquery(), _FOREVER))
        bounds.append(c.id <= func.coalesce(mine.order_by(e.seq.desc()).limit(1).scalar_subquery(), 0))
    points = select(p.id).where(p.account == account)
    if wanted.since is not None:
        earlier = points.where(p.ts < wanted.since).order_by(p.ts.desc()).limit(1).scalar_subquery()
        bounds.append(c.id > func.coalesce(earlier, 0))
    if wanted.until is not None:
        later = points.where(p.ts >= wanted.until).order_by(p.ts).limit(1).scalar_subquery()
        bounds.append(c.id < func.coalesce(later, _FOREVER))
    return bounds


def _checks(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what has to be looked up in each thought."""
    c = t.thoughts.c
    checks: list[ColumnElement[bool]] = []
    checks += [c.decision == wanted.decision] if wanted.decision and wanted.symbol else []
    checks += [c.session == wanted.session] if wanted.session else []
    checks += [c.ts >= wanted.since] if wanted.since is not None else []
    checks += [c.ts < wanted.until] if wanted.until is not None else []
    if wanted.gate:
        # A quote inside a sentence is escaped in JSON, so this is found in no other place.
        checks.append(type_coerce(c.thought, Text).contains(f'"stopped_by":"{wanted.gate}"', autoescape=True))
    return checks


def held_thought(connection: Connection, account: str, symbol: str, ts: int) -> Held | None:
    """Return the thought that held at a time, and until when; None where nothing was thought of the token by then."""
    held = _held(connection, account, symbol, ts)
    if held is None:
        known = reads.spelled(connection, symbol)
        return _held(connection, account, known, ts) if known != symbol else None
    return held


def _held(connection: Connection, account: str, symbol: str, ts: int) -> Held | None:
    c = t.thoughts.c
    columns = (c.id, c.session, c.ts, type_coerce(c.thought, Text).label("body"))
    mine = (c.account == account, c.symbol == symbol)
    then = select(*columns, literal(0).label("place")).where(*mine, c.ts <= ts).order_by(c.ts.desc(), c.id.desc()).limit(1)
    following = select(*columns, literal(1).label("place")).where(*mine, c.ts > ts).order_by(c.ts, c.id).limit(1)
    both = union_all(select(then.subquery()), select(following.subquery()))
    by_place = {row.place: row for row in connection.execute(both)}
    if 0 not in by_place:
        return None
    row = by_place[0]
    thought = msgspec.json.decode(row.body, type=Thought)
    return Held(reads.thought_row(row.id, row.session, thought), by_place[1].ts if 1 in by_place else None)


def _thought(row: Row[Any]) -> ThoughtRow:
    return reads.thought_row(row.id, row.session, row.thought)
