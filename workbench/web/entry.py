"""The door: who may come in where the workbench can be reached from other machines.

On loopback there is no door. On any other address a token opens it: programs send it as `Authorization: Bearer …`, people
type it once and get a cookie. The cookie holds no secret: a time until which it is good, signed with the token. The token
is never part of an address.
"""

import hashlib
import hmac
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from litestar.datastructures import Headers

from workbench.errors import Invalid, Refused

COOKIE: Final = "workbench_session"
GOOD_SECONDS: Final = 12 * 3600
LEAST_LETTERS: Final = 16
TRIES: Final = 5
"""Wrong tokens from one address within a minute; more have to wait."""
ALL_TRIES: Final = 50
"""Wrong tokens from everywhere within a minute; after that only those have not to wait who came in from there before."""
_MINUTE: Final = 60.0
_MOST_KNOWN: Final = 10_000


class Unauthorized(Refused):
    """Nobody knows who asks."""

    status = 401

    def __init__(self) -> None:
        super().__init__(
            "This workbench wants its token: expected a cookie of its login page or Authorization: Bearer, found none."
        )


class TooManyTries(Refused):
    """Wrong tokens came too fast."""

    status = 429

    def __init__(self, wait: float) -> None:
        self.wait = max(1, round(wait))
        super().__init__(f"Too many wrong tokens: expected at most {TRIES} a minute. Try again in {self.wait} s.")


class WrongToken(Refused):
    """It is not the token."""

    status = 401
    field = "token"

    def __init__(self) -> None:
        super().__init__("This is not the token that this workbench was started with.")


class Door:
    """Tells those who have the token from those who do not.

    Parameters
    ----------
    token
        The secret.
    clock
        Returns seconds; a test hands in its own.

    Raises
    ------
    Invalid
        If the token is too short to be one.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        if len(token) < LEAST_LETTERS or not token.isascii() or not token.isprintable() or " " in token:
            raise Invalid("token", f"at least {LEAST_LETTERS} letters and digits without a space", f"{len(token)} characters")
        self._token, self._clock = token.encode(), clock
        self._key = hashlib.blake2b(self._token, digest_size=32, person=b"workbench cookie").digest()
        self._wrong: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()
        self._let_in: dict[str, float] = {}

    def knows(self, headers: Headers, cookies: Mapping[str, str], client: str) -> bool:
        """Return whether a request brings the token, or a cookie that was given for it.

        Raises
        ------
        TooManyTries
            If wrong ones came too fast from there.
        """
        given = headers.get("authorization", "")
        kind, _, token = given.partition(" ")
        if kind.lower() == "bearer":
            return self.opens(token.strip(), client)
        return self.is_good(cookies.get(COOKIE, ""))

    def opens(self, token: str, client: str) -> bool:
        """Return whether a token is the right one, in a time that does not tell how much of it is right.

        Raises
        ------
        TooManyTries
            If wrong ones came too fast from there.
        """
        self._refuse_haste(client)
        right = hmac.compare_digest(token.encode(errors="replace"), self._token)
        now = self._now()
        if right:
            if len(self._let_in) > _MOST_KNOWN:
                self._let_in.clear()
            self._let_in[client] = now
        else:
            if len(self._wrong) > _MOST_KNOWN:
                self._wrong.clear()
            self._wrong.setdefault(client, deque(maxlen=TRIES)).append(now)
            self._all.append(now)
        return right

    def cookie(self) -> str:
        """Return the value of a cookie that is good for some hours."""
        until = str(int(self._now()) + GOOD_SECONDS)
        return f"{until}.{self._signed(until)}"

    def is_good(self, cookie: str) -> bool:
        """Return whether a cookie was given here, and is still good."""
        until, _, signature = cookie.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12):
            return False
        return hmac.compare_digest(signature.encode(errors="replace"), self._signed(until).encode()) and int(until) > self._now()

    def _signed(self, until: str) -> str:
        return hashlib.blake2b(until.encode(), key=self._key, digest_size=24).hexdigest()

    def _refuse_haste(self, client: str) -> None:
        now = self._now()
        held = [(self._wrong.get(client, deque()), TRIES)]
        # Who has come in from there before is not kept out by a flood from elsewhere.
        if now - self._let_in.get(client, -math.inf) > GOOD_SECONDS:
            held.append((self._all, ALL_TRIES))
        for tries, most in held:
            while tries and now - tries[0] > _MINUTE:
                tries.popleft()
            if len(tries) >= most:
                raise TooManyTries(_MINUTE - (now - tries[0]))

    def _now(self) -> float:
        return self._clock()


class Pace:
    """How fast one address may change things: a bucket of so many requests that fills again with time.

    Parameters
    ----------
    burst, a_minute
        How many at once, and how many a minute after that.
    """

    def __init__(self, burst: int = 60, a_minute: int = 240, clock: Callable[[], float] = time.monotonic) -> None:
        self.burst, self.a_second, self._clock = burst, a_minute / 60, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> float:
        """Take one request; return 0, or the seconds until there is one."""
        now = self._clock()
        left, since = self._left.get(client, (float(self.burst), now))
        left = min(left + (now - since) * self.a_second, self.burst)
        if left < 1:
            self._left[client] = (left, now)
            return (1 - left) / self.a_second
        if len(self._left) > _MOST_KNOWN:
            self._left.clear()
        self._left[client] = (left - 1, now)
        return 0.0


class TooFast(Refused):
    """Changes were asked for faster than they are taken."""

    status = 429

    def __init__(self, wait: float) -> None:
        self.wait = max(1, round(wait))
        super().__init__(f"Requests that change something come too fast. Try again in {self.wait} s.")
