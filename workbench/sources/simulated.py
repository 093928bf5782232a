"""The simulated market: a pure function of seed, token and time, so that every machine sees the same prices.

An integer hash drives everything; nothing is remembered and nothing is drawn in sequence, so any stretch can be asked
for, in any order and in any pieces. A path is built by midpoint displacement: over the dyadic levels of minutes, each
level adds a hashed bump to the middle of every cell. Paths are pinned to zero about once a year, which keeps prices
plausible for ever. Below the day the bumps are scaled by a slowly changing volatility: that makes calm and wild regimes.

Five-second points refine each minute by a bridge that keeps the minutes as they are. Every coarser bar is the exact
aggregate of the five-second ones.

Floats are only added, subtracted, multiplied, divided and rooted, which IEEE 754 defines to the last bit: no library's own
`exp` or `pow` is asked, so that the bars are the same on every processor.

The construction is Lévy's (P. Lévy, *Processus stochastiques et mouvement brownien*, 1948).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import gcd
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.domain.bars import DAY, as_ts, parse_timeframe
from workbench.domain.instruments import Instrument
from workbench.engine.series import PRICES, BarSeries, Floats, Ints
from workbench.errors import Invalid, NotFound
from workbench.sources import Source

Words = NDArray[np.uint64]

TICK: Final = 5_000
"""The finest bar, in milliseconds."""

_MINUTE: Final = 60_000
_PER_MINUTE: Final = _MINUTE // TICK
_TOP: Final = 19
"""Levels of minutes: a path is pinned every 2**19 of them, just under a year."""

_DAY_LEVEL: Final = 10
"""Cells of up to 2**10 minutes feel the regime."""

_CHUNK: Final = 60_000
"""Minutes worked out at once; it bounds memory for long stretches."""

_BLOCK: Final = 64 * _PER_MINUTE
"""Five-second bars that are remembered together."""

_YEAR: Final = 525_960
_LONGEST: Final = 364 * DAY
_LONGEST_LIVE: Final = 60 * _MINUTE
_MOST_BARS: Final = 5_000_000
DEFAULT_END: Final = "2025-01-01"

_LN_2_HIGH: Final = 6.93147180369123816490e-01
_LN_2_LOW: Final = 1.90821492927058770002e-10


class Token(msgspec.Struct, frozen=True):
    """What makes one token's prices its own.

    Parameters
    ----------
    instrument
        What it is.
    price
        Around which it moves, in USDC.
    market
        How much of the common path it follows.
    leader
        Another token's own path that it follows too, and how much of it.
    own
        Annual volatility of what it does by itself, as a share.
    liquidity, volume
        What its pool holds in USDC, and what is traded in a minute as a share of that.
    """

    instrument: Instrument
    price: float
    market: float
    own: float
    liquidity: float
    leader: str = ""
    volume: float = 0.0004


def _token(symbol: str, address: str, price: float, market: float, own: float, pool: float, leader: str = "") -> Token:
    decimals = 12 if price < 0.01 else 8
    return Token(Instrument(8453, address, symbol, "USDC", decimals, 8), price, market, own, pool, leader)


TOKENS: Final = (
    _token("WETH", "0x4200000000000000000000000000000000000006", 3400.0, 0.95, 0.30, 4.0e7),
    _token("cbBTC", "0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf", 97_000.0, 0.80, 0.20, 3.5e7),
    _token("cbETH", "0x2Ae3F1Ec7F1F5012CFEab0185bfc7aa3cf0DEc22", 3690.0, 0.95, 0.03, 1.2e7, "WETH"),
    _token("AERO", "0x940181a94A35A4569E4529A3CDfB74e38FD98631", 1.28, 1.10, 0.75, 2.0e7),
    _token("DEGEN", "0x4ed4E862860beD51a9570b96d89aF5E1B0Efefed", 0.0084, 1.25, 1.00, 5.0e6),
    _token("BRETT", "0x532f27101965dd16442E59d40670FaF5eBB142E4", 0.119, 1.20, 0.90, 6.0e6),
    _token("VIRTUAL", "0x0b3e328455c4059EEb9e3f84b5543F74E24e7E1b", 2.31, 1.20, 0.85, 9.0e6),
    _token("TOSHI", "0xAC1Bd2486aAf3B5C0fc3Fd868558b082a531B2B4", 0.00033, 1.20, 1.05, 1.0e6),
)  # fmt: skip
_MARKET_VOLATILITY: Final = 0.45


class _Columns(NamedTuple):
    """Bars side by side: prices in their smallest step, volume in millionths of a token, liquidity in whole USDC."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    liquidity: Ints

    def joined(self, count: int) -> "_Columns":
        """Return the exact aggregate of each `count` bars; whole numbers have the same sum in whatever order."""
        o, h, l, c, volume, pool = (column.reshape(-1, count) for column in self)
        return _Columns(o[:, 0], h.max(axis=1), l.min(axis=1), c[:, -1], volume.sum(axis=1), pool[:, -1])


_NO_BARS: Final = _Columns(*[np.zeros(0, np.int64)] * 6)


class Simulated(Source):
    """Tokens of Base against USDC that do not exist and behave as if they did.

    Parameters
    ----------
    seed
        Another seed is another world.
    """

    title = "Simulated market"
    chain_id = 8453

    def __init__(self, seed: int = 1) -> None:
        if type(seed) is not int:
            raise Invalid("seed", "a whole number", seed)
        self.seed = seed
        self._tokens = {token.instrument.key: token for token in TOKENS}
        self._by_symbol = {token.instrument.symbol: token for token in TOKENS}
        # A live session asks for one bar at a time, and a bar alone costs nearly as much as an hour of them.
        self._remembered = lru_cache(64)(lambda key, block: self._work_out(key, block * _BLOCK, (block + 1) * _BLOCK))

    def instruments(self) -> tuple[Instrument, ...]:
        """Return its tokens, the largest first."""
        return tuple(token.instrument for token in TOKENS)

    def check_timeframe(self, timeframe: str) -> None:
        """Refuse what five-second bars do not add up to, and what takes too long.

        A session begins with some thousands of bars of history, each put together from five-second ones.
        """
        if check_timeframe(timeframe) > _LONGEST_LIVE:
            raise Invalid("timeframe", "at most 1h for a session on the simulated market", timeframe)

    def bars(self, instrument: Instrument, timeframe: str, start: int, end: int) -> BarSeries:
        """Return the bars with `start <= ts < end`; there are no holes.

        Raises
        ------
        NotFound
            If it has no such token.
        Invalid
            If the timeframe neither divides a minute into five-second bars nor is whole minutes, up to 52 weeks.
        """
        token = self._tokens.get(instrument.key)
        if token is None:
            raise NotFound("token", instrument.symbol, [known.instrument.symbol for known in TOKENS])
        length = check_timeframe(timeframe)
        first, last = -(-start // length) * length, -(-end // length) * length
        # A bar longer than a chunk is put together from shorter ones.
        piece = length if length <= _CHUNK * _MINUTE else gcd(length, DAY)
        stride = _CHUNK * _MINUTE // piece * piece
        parts = [self._aggregate(token, low, min(low + stride, last), piece) for low in range(first, last, stride)]
        columns = _Columns(*(np.concatenate(column) for column in zip(*(parts or [_NO_BARS]), strict=True)))
        if piece != length:
            columns = columns.joined(length // piece)
        prices = dict(zip(PRICES, (columns.open, columns.high, columns.low, columns.close), strict=True))
        ts = np.arange(first, max(first, last), length, dtype=np.int64)
        return BarSeries(token.instrument, timeframe, ts, prices, columns.volume / 1e6, columns.liquidity.astype(np.float64))

    def _aggregate(self, token: Token, start: int, end: int, length: int) -> "_Columns":
        """Return the columns of the bars in a stretch, each the exact aggregate of its five-second bars."""
        return self._ticks(token.instrument.key, start // TICK, end // TICK).joined(length // TICK)

    def _ticks(self, key: str, first: int, last: int) -> "_Columns":
        """Return five-second bars by their numbers; those of one block are worked out once and remembered for a while."""
        block = first // _BLOCK
        if block != (last - 1) // _BLOCK:
            return self._work_out(key, first, last)
        remembered = self._remembered(key, block)
        rows = slice(first - block * _BLOCK, last - block * _BLOCK)
        return _Columns(*(column[rows] for column in remembered))

    def _work_out(self, key: str, first: int, last: int) -> "_Columns":
        """Return five-second bars by their numbers."""
        token = self._tokens[key]
        symbol = token.instrument.symbol
        low, high = first // _PER_MINUTE, -(-last // _PER_MINUTE)
        minutes = np.arange(low, high + 1, dtype=np.int64)
        regime = self._regime(minutes[:-1])
        felt = {level: self._regime((_cells(minutes, level) << level) + (1 << level >> 1)) for level in range(1, _DAY_LEVEL + 1)}
        shares = [("market", token.market, _MARKET_VOLATILITY), (symbol, 1.0, token.own)]
        if token.leader:
            shares.append((token.leader, 1.0, self._by_symbol[token.leader].own))
        path = np.zeros(len(minutes))
        variance = 0.0
        for name, much, volatility in shares:
            path += much * self._path(name, minutes, volatility, felt)
            variance += much * volatility * (much * volatility)
        spread = np.sqrt(variance / _YEAR) * regime
        points = self._bridge(symbol, minutes, path, spread)
        scale = float(10**token.instrument.price_decimals)
        prices = np.maximum(np.rint(token.price * _exp(points) * scale), 1).astype(np.int64)
        numbers = np.arange(low * _PER_MINUTE, high * _PER_MINUTE, dtype=np.int64)
        o, c = prices[:-1], prices[1:]
        reach = np.repeat(spread / np.sqrt(_PER_MINUTE), _PER_MINUTE) * np.maximum(o, c)
        up, down = (np.rint(reach * self._uniform(f"{symbol} {name}", numbers)).astype(np.int64) for name in ("up", "down"))
        h, l = np.maximum(o, c) + up, np.maximum(np.minimum(o, c) - down, 1)
        volume = self._volume(token, numbers, np.repeat(regime, _PER_MINUTE), o / scale)
        drift = _exp(0.5 * self._path(f"{symbol} pool", minutes[:-1], 0.6, {}))
        pool = np.repeat(np.rint(token.liquidity * drift).astype(np.int64), _PER_MINUTE)
        rows = slice(first - low * _PER_MINUTE, last - low * _PER_MINUTE)
        return _Columns(o[rows], h[rows], l[rows], c[rows], volume[rows], pool[rows])

    def _volume(self, token: Token, numbers: Ints, regime: Floats, price: Floats) -> Ints:
        """Return millionths of a token; wild hours and afternoons trade more."""
        hour = (numbers * TICK // 3_600_000) % 24
        busy = 1 + 0.5 * (1 - np.abs(hour - 15) / 12)
        drawn = 0.15 + self._uniform(f"{token.instrument.symbol} volume", numbers)
        share = token.volume / _PER_MINUTE * (drawn * drawn * drawn) * regime * busy
        return np.rint(token.liquidity * share / price * 1e6).astype(np.int64)

    def _regime(self, minutes: Ints) -> Floats:
        """Return the volatility of each minute against the usual one: below 1 in calm hours, several times 1 in wild ones."""
        wave = np.zeros(len(minutes))
        for level, weight in ((8, 0.6), (10, 0.6), (12, 0.5)):
            wave += weight * self._smooth("regime", minutes, level)
        return np.clip(_exp(1.1 * wave - 0.55), 0.2, 4.0)

    def _smooth(self, name: str, minutes: Ints, level: int) -> Floats:
        """Return noise that moves evenly from one node to the next, 2**level minutes on."""
        cell, place = minutes >> level, (minutes & ((1 << level) - 1)) / float(1 << level)
        left, right = (self._normal(name, level, cell + side) for side in (0, 1))
        ease = place * place * (3 - 2 * place)
        return left + (right - left) * ease

    def _path(self, name: str, minutes: Ints, volatility: float, felt: Mapping[int, Floats]) -> Floats:
        """Return a path in logarithms: a sum of hashed bumps, one a cell and level, zero at the pins.

        `felt` is the regime at the middle of each cell, for the levels that feel it.
        """
        path = np.zeros(len(minutes))
        for level in range(_TOP, 0, -1):
            size, half = 1 << level, 1 << (level - 1)
            cell, place = minutes >> level, minutes & (size - 1)
            # The middle of a cell of n minutes strays from its ends by sqrt(n / 4) steps of one minute.
            bump = volatility * np.sqrt(size / 4 / _YEAR) * self._normal(name, level, _cells(minutes, level))
            if level in felt:
                bump *= felt[level]
            path += bump[cell - cell[0]] * (1 - np.abs(place - half) / half)
        return path

    def _bridge(self, symbol: str, minutes: Ints, path: Floats, spread: Floats) -> Floats:
        """Return the path at every five seconds: a walk within each minute, bent so that it ends where the minute does."""
        numbers = (minutes[:-1, None] * _PER_MINUTE + np.arange(_PER_MINUTE)).ravel()
        steps = self._normal(symbol, 64, numbers).reshape(-1, _PER_MINUTE) * (spread / np.sqrt(_PER_MINUTE))[:, None]
        walk = np.cumsum(steps, axis=1)
        share = np.arange(1, _PER_MINUTE + 1) / _PER_MINUTE
        bent = walk - walk[:, -1:] * share
        inside = path[:-1, None] + (path[1:] - path[:-1])[:, None] * share + bent
        inside[:, -1] = path[1:]
        return np.concatenate([path[:1], inside.ravel()])

    def _normal(self, name: str, level: int, numbers: Ints) -> Floats:
        """Return draws that are nearly normal, mean 0 and deviation 1, made of whole numbers: the sum of four sixteenths."""
        word = self._hash(name, level, numbers)
        pieces = [(word >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)]
        total = (pieces[0] + pieces[1] + pieces[2] + pieces[3]).astype(np.float64)
        return np.asarray((total - 131_070.0) / 37_837.2)

    def _uniform(self, name: str, numbers: Ints) -> Floats:
        """Return draws between 0 and 1."""
        return np.asarray((self._hash(name, 65, numbers) >> np.uint64(11)).astype(np.float64) / float(1 << 53))

    def _hash(self, name: str, level: int, numbers: Ints) -> Words:
        """Return a 64-bit word for each number: two rounds of splitmix64's finaliser (S. Vigna, public domain)."""
        salt = int.from_bytes(name.encode(), "little") % (2**64 - 59)
        word = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        word ^= np.uint64((salt * 0xD1342543DE82EF95 + self.seed * 0xA0761D6478BD642F + level * 0xE7037ED1A0B428DB) % 2**64)
        return _mixed(_mixed(word))


def _cells(minutes: Ints, level: int) -> Ints:
    """Return the numbers of the cells of 2**level minutes in a stretch of minutes."""
    return np.arange(minutes[0] >> level, (minutes[-1] >> level) + 1, dtype=np.int64)


def _exp(x: Floats) -> Floats:
    """Return e**x to a few units in the last place, the same on every processor: 2**k times a polynomial in what is left."""
    k = np.rint(x / (_LN_2_HIGH + _LN_2_LOW))
    rest = (x - k * _LN_2_HIGH) - k * _LN_2_LOW
    total = np.full(len(x), 1.0)
    for n in range(14, 0, -1):
        total = 1.0 + rest / n * total
    return np.asarray(np.ldexp(total, k.astype(np.int32)))


def _mixed(word: Words) -> Words:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def check_timeframe(timeframe: str) -> int:
    """Return a timeframe's length in milliseconds.

    Raises
    ------
    Invalid
        If five-second bars do not add up to it, or it is longer than 52 weeks.
    """
    length = parse_timeframe(timeframe)
    if length % TICK or (length < _MINUTE and _MINUTE % length) or (length > _MINUTE and length % _MINUTE) or length > _LONGEST:
        raise Invalid("timeframe", "5s, 10s, 15s, 20s, 30s or whole minutes, hours, days or weeks up to 52w", timeframe)
    return length


def simulate_bars(
    symbol: str = "WETH",
    timeframe: str = "1h",
    count: int = 2000,
    *,
    end: str | datetime | None = DEFAULT_END,
    seed: int = 1,
) -> BarSeries:
    """Return bars of the simulated market, the same for everybody who asks the same.

    Parameters
    ----------
    symbol
        One of WETH, cbBTC, cbETH, AERO, DEGEN, BRETT, VIRTUAL, TOSHI.
    timeframe
        From `"5s"` to `"52w"`.
    count
        How many.
    end
        When the last one closes, at the latest: ISO text or a datetime, UTC where it names no zone. None is the default,
        never now, so that a notebook shows the same bars tomorrow.
    seed
        Another seed is another world.

    Raises
    ------
    NotFound
        If there is no such token.
    Invalid
        If the timeframe, the count or the end cannot be used.

    Examples
    --------
    >>> simulate_bars("WETH", "1h", 3).ts.tolist()
    [1735678800000, 1735682400000, 1735686000000]
    """
    found, first, last = simulated_stretch(symbol, timeframe, count, end=end)
    return Simulated(seed).bars(found, timeframe, first, last)


def simulated_stretch(
    symbol: str, timeframe: str, count: int, *, end: str | datetime | None = DEFAULT_END
) -> tuple[Instrument, int, int]:
    """Return whose bars `simulate_bars` would make, and from when to when; none is made, and it raises the same.

    Examples
    --------
    >>> simulated_stretch("WETH", "1h", 3)[1:]
    (1735678800000, 1735689600000)
    """
    known = {token.instrument.symbol: token.instrument for token in TOKENS}
    wanted = symbol.lower().removesuffix("/usdc")
    found = next((instrument for name, instrument in known.items() if name.lower() == wanted), None)
    if found is None:
        raise NotFound("token", symbol, known)
    if type(count) is not int or not 1 <= count <= _MOST_BARS:
        raise Invalid("count", f"a whole number from 1 to {_MOST_BARS:,}", count)
    length = check_timeframe(timeframe)
    last = _end(end) // length * length
    if last - count * length < 0:
        raise Invalid("count", f"at most {last // length:,} bars of {timeframe}, for time begins in 1970", count)
    return found, last - count * length, last


def _end(end: str | datetime | None) -> int:
    try:
        at = end if isinstance(end, datetime) else datetime.fromisoformat(DEFAULT_END if end is None else end)
    except (ValueError, TypeError):
        raise Invalid("end", f"a time such as {DEFAULT_END!r}", end) from None
    return as_ts(at if at.tzinfo else at.replace(tzinfo=UTC))
