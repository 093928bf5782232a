"""Answer a request once: its key is claimed before it is done, and what it was answered is kept for who sends it again.

It is never done twice. Where it broke on the way, or the process ended, nobody knows whether it was done, and its key says so.
"""

from datetime import timedelta
from typing import Final

from workbench.desk import Desk
from workbench.errors import Refused
from workbench.store.answers import Answer, Claim, drop_before, drop_claim, find_key, put_answer, put_claim

KEPT: Final = timedelta(hours=24)
"""How long a key is known."""
GIVEN_UP: Final = timedelta(seconds=60)
"""A claim that is older and has no answer is of a process that is gone."""
_BROKEN: Final = 500


class KeyRefused(Refused):
    """A request came with a key that another one has."""

    field = "idempotency_key"


class KeyReused(KeyRefused):
    """The key came with another request before."""

    def __init__(self) -> None:
        super().__init__(
            "This differs from what was first sent under the same idempotency key: expected the same method, address and body. "
            "Nothing was changed. Send it under a key of its own; a form gets one when its page is loaded anew."
        )


class StillUnderWay(KeyRefused):
    """The first request with the key has no answer yet."""

    status = 409
    wait = 1

    def __init__(self) -> None:
        super().__init__(
            "The first request with this idempotency key is still under way, so this one changed nothing. "
            "Send it again in a moment to get the answer."
        )


class Unsettled(KeyRefused):
    """Nobody knows what came of the first request with the key."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "What came of the first request with this idempotency key is not known, for it broke on the way; it may have been "
            "done. Nothing was changed now. Look first; to do it again, send it under a key of its own: a form gets one when its "
            "page is loaded anew."
        )


def claim_key(desk: Desk, key: str, fingerprint: str) -> Claim | Answer:
    """Return a claim of a key, or the answer that its request got when it came before.

    Parameters
    ----------
    fingerprint
        The digest of the request.

    Raises
    ------
    KeyReused
        If the key came with another request.
    StillUnderWay
        If the request has no answer yet, and began less than a minute ago.
    Unsettled
        If it broke, or has no answer after a minute.
    """
    # The commit of what the request does carries this one to the disk, so that it need not wait by itself.
    with desk.store.write(durable=False) as connection:
        now = desk.at
        drop_before(connection, now - KEPT)
        found = find_key(connection, key)
        if found is not None:
            if found.claim.fingerprint != fingerprint:
                raise KeyReused
            if found.answer is None and now - found.claim.at <= GIVEN_UP:
                raise StillUnderWay
            if found.answer is None or found.answer.status == _BROKEN:
                raise Unsettled
            return found.answer
        claim = Claim(key, fingerprint, now)
        put_claim(connection, claim)
        return claim


def keep_answer(desk: Desk, claim: Claim, answer: Answer) -> None:
    """Keep the answer to a request that has claimed its key."""
    with desk.store.write() as connection:
        put_answer(connection, claim, answer)


def free_key(desk: Desk, claim: Claim) -> None:
    """Let go of a key whose request changed nothing and may be tried again."""
    with desk.store.write() as connection:
        drop_claim(connection, claim)
