"""Answers that are kept under the key that their request came with."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from workbench.store.tables import idempotency_keys as table


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered with; `content_type` and `location` are empty where it had none."""

    status: int
    content_type: str
    location: str
    body: bytes


class Claim(msgspec.Struct, frozen=True):
    """A key that a request has for itself; one that is taken over is claimed at another time."""

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
    """Write a claim, in the place of an older one of its key."""
    fields = {"fingerprint": claim.fingerprint, "at": claim.at, "status": None, "content_type": "", "location": "", "body": b""}
    added = insert(table).values(key=claim.key, **fields)
    connection.execute(added.on_conflict_do_update(index_elements=[table.c.key], set_=fields))


def put_answer(connection: Connection, claim: Claim, answer: Answer) -> None:
    """Write the answer to a claim, if nobody has taken it over."""
    connection.execute(update(table).where(_is(claim)).values(msgspec.structs.asdict(answer)))


def drop_claim(connection: Connection, claim: Claim) -> None:
    """Delete a claim, if nobody has taken it over."""
    connection.execute(delete(table).where(_is(claim)))


def drop_before(connection: Connection, at: datetime) -> None:
    """Delete the keys that were claimed before a time."""
    connection.execute(delete(table).where(table.c.at < at))


def _is(claim: Claim) -> ColumnElement[bool]:
    return and_(table.c.key == claim.key, table.c.at == claim.at, table.c.status.is_(None))
