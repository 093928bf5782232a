"""Answers that are kept under the key that their request came with."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from workbench.store.tables import idempotency_keys as table


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered with; `content_type` and `location` are empty where it had none."""

    status: int
    content_type: str
    location: str
    body: bytes


class Claim(msgspec.Struct, frozen=True):
    """A key that a request has for itself."""

    key: str
    fingerprint: str
    at: datetime


class KeyRow(msgspec.Struct, frozen=True):
    """A key's claim, and the answer, which is None while the request is under way."""

    claim: Claim
    answer: Answer | None


def find_key(connection: Connection, key: str) -> KeyRow | None:
    """Return what is known of a key, or None."""
    row = connection.execute(select(table).where(table.c.key == key)).first()
    if row is None:
        return None
    answer = None if row.status is None else Answer(row.status, row.content_type, row.location, row.body)
    return KeyRow(Claim(row.key, row.fingerprint, row.at), answer)


def put_claim(connection: Connection, claim: Claim) -> None:
    """Write a claim of a key that nobody has."""
    fields = {"status": None, "content_type": "", "location": "", "body": b""}
    connection.execute(insert(table).values(**msgspec.structs.asdict(claim), **fields))


def put_answer(connection: Connection, claim: Claim, answer: Answer) -> None:
    """Write the answer to a claim, unless it was dropped or has one."""
    connection.execute(update(table).where(_is(claim)).values(msgspec.structs.asdict(answer)))


def drop_claim(connection: Connection, claim: Claim) -> None:
    """Delete a claim, unless it has its answer."""
    connection.execute(delete(table).where(_is(claim)))


def drop_before(connection: Connection, at: datetime) -> None:
    """Delete the keys that were claimed before a time."""
    connection.execute(delete(table).where(table.c.at < at))


def _is(claim: Claim) -> ColumnElement[bool]:
    return and_(table.c.key == claim.key, table.c.at == claim.at, table.c.status.is_(None))
