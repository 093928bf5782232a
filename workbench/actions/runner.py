"""What a process remembers of a session between two advances: its state, its bars and the strategy's readings.

All of it can be thrown away at any moment: the cursor in the store is the truth.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import takewhile
from typing import Final

import msgspec
import numpy as np
from sqlalchemy import Connection, select

from workbench.desk import Desk
from workbench.domain.bars import Slice, parse_timeframe
from workbench.domain.commands import ChangeConfiguration, Command
from workbench.domain.events import EquityMarked, SessionStarted
from workbench.domain.instruments import Instrument
from workbench.engine.fold import slices
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries
from workbench.engine.state import State
from workbench.engine.strategy import Reading, SignalStrategy, candles
from workbench.engine.windows import Readings, Wanted, read_last, read_series, window_start
from workbench.store import recorded
from workbench.store import tables as t
from workbench.store.datasets import dataset_bars
from workbench.store.log import newest_first, stream_events
from workbench.store.rows import SessionRow
from workbench.strategies import shelf, strategy_of

Given = tuple[Slice, tuple[Reading | None, ...]]

PATIENCE_MS: Final = 2_000
"""How long a slice of which some bars have come waits for the others, at most; a quarter of a bar where that is less."""


class Opening(msgspec.Struct, frozen=True):
    """What a session had when it began.

    Parameters
    ----------
    after
        Open time of the last bar before its first, milliseconds UTC.
    history
        Bars at hand before its first, by instrument key.
    arrivals
        Writes that had brought bars by then, by instrument key.
    """

    after: int
    history: dict[str, int]
    arrivals: dict[str, int]


class Runner:
    """A session as this process knows it.

    Parameters
    ----------
    desk
        Where its bars are.
    session
        Its row.
    turn
        The worker's commit that `state` is the outcome of.
    state
        Where the session is.
    input_digest
        Over the slices taken so far.
    """

    def __init__(self, desk: Desk, session: SessionRow, turn: int, state: State, input_digest: str) -> None:
        self.desk, self.session, self.turn, self.state, self.input_digest = desk, session, turn, state, input_digest
        self.length = parse_timeframe(session.timeframe)
        self._codes: dict[str, tuple[type[SignalStrategy], str]] = {}

    @property
    def strategy(self) -> SignalStrategy:
        """The strategy that the state's configuration names, of the code that the session began with.

        Raises
        ------
        CodeChanged
            If its file is another one by now, and nobody in this process has kept that code.
        """
        configuration = self.state.plan.configuration
        return strategy_of(self._code(configuration.strategy)[0], configuration.parameters)

    @property
    def source(self) -> str:
        """Digest of the file of the user's own that the strategy is from; empty where it comes with the workbench."""
        return self._code(self.state.plan.configuration.strategy)[1]

    def keep_code(self) -> None:
        """Read the strategy's code now, so that it stays what it is."""
        self._code(self.state.plan.configuration.strategy)

    def _code(self, name: str) -> tuple[type[SignalStrategy], str]:
        """Return a strategy's class, the same one for as long as the session goes, whatever becomes of its file."""
        if name not in self._codes:
            with self.desk.store.read() as connection:
                digest = sources_of(connection, self.session.id).get(name, "")
            self._codes[name] = shelf.keep(name, digest, self.desk.settings.strategies_path)
        return self._codes[name]

    @property
    def wanted(self) -> Wanted:
        """The measures that the state's configuration asks for."""
        return measures_of(self.state.plan.configuration, self.session.timeframe)

    def slices(self, limit: int) -> Iterator[Given]:
        """Yield the slices that are due, oldest first, each with its readings."""
        raise NotImplementedError

    def next_due(self) -> int | None:
        """Return when there will be work again, milliseconds UTC; None if the data have ended."""
        raise NotImplementedError


class ReplayRunner(Runner):
    """A session over a dataset, at its own speed."""

    def __init__(self, desk: Desk, session: SessionRow, turn: int, state: State, input_digest: str) -> None:
        super().__init__(desk, session, turn, state, input_digest)
        with desk.store.read() as connection:
            self.series = dataset_bars(connection, session.dataset)
        self._readings: tuple[SignalStrategy, Wanted, Readings] | None = None

    def slices(self, limit: int) -> Iterator[Given]:
        """Yield the bars after the cursor whose moment has come."""
        first = int(np.searchsorted(self.series.ts, self.state.ts, side="right"))
        last = min(first + limit, self._due_count())
        if first >= last:
            return
        readings = self._read()
        part = self.series[first:last]
        for offset, bar in enumerate(part.bars()):
            place = first + offset
            yield Slice(bar.ts, (bar,), last=place == len(self.series) - 1), (readings[place],)

    def next_due(self) -> int | None:
        """Return when the next bar's moment comes."""
        place = int(np.searchsorted(self.series.ts, self.state.ts, side="right"))
        if place >= len(self.series):
            return None
        if not self.session.speed:
            return self.desk.now()
        elapsed = int(self.series.ts[place]) + self.length - int(self.series.ts[0])
        return self._begun + round(elapsed / self.session.speed)

    @property
    def _begun(self) -> int:
        return self.session.started or self.desk.now()

    def _due_count(self) -> int:
        if not self.session.speed:
            return len(self.series)
        told = (self.desk.now() - self._begun) * self.session.speed
        return int(np.searchsorted(self.series.ts, int(self.series.ts[0]) + told - self.length, side="right"))

    def _read(self) -> Readings:
        strategy, wanted = self.strategy, self.wanted
        if self._readings is None or self._readings[:2] != (strategy, wanted):
            self._readings = strategy, wanted, read_series(strategy, self.series, wanted)
        return self._readings[2]


class LiveRunner(Runner):
    """A session on the real clock, on bars that the source gives as they close."""

    def __init__(self, desk: Desk, session: SessionRow, turn: int, state: State, input_digest: str) -> None:
        super().__init__(desk, session, turn, state, input_digest)
        self.instruments = state.plan.instruments
        with desk.store.write(durable=False) as connection:
            self.numbers = [recorded.series_id(connection, session.source, i, session.timeframe) for i in self.instruments]
        self._windows: list[BarSeries] | None = None
        self._opening: Opening | None = None

    def slices(self, limit: int) -> Iterator[Given]:
        """Yield the slices that have closed since the cursor; all but the newest come late."""
        now, start = self.desk.now(), self.state.ts + self.length
        end = min((now // self.length) * self.length, start + limit * self.length)
        if end <= start:
            return
        fresh = [fetch(self.desk, self.session.source, i, self.session.timeframe, start, end) for i in self.instruments]
        with self.desk.store.write(durable=False) as connection:
            for number, series in zip(self.numbers, fresh, strict=True):
                recorded.record(connection, number, series, self.desk.at)
        with self.desk.store.read() as connection:
            fresh = [
                recorded.read_bars(connection, number, i, self.session.timeframe, start, end)
                for number, i in zip(self.numbers, self.instruments, strict=True)
            ]
        unread: list[list[Reading | None]] = [[None] * len(series) for series in fresh]
        strategy = self.strategy
        for given, _ in slices(fresh, unread):
            closed = given.ts + self.length
            if None in given.bars and now < closed + min(PATIENCE_MS, self.length // 4):
                return
            late = closed + self.length <= now
            yield msgspec.structs.replace(given, late=late, last=False), self._read(strategy, given, fresh)

    def next_due(self) -> int | None:
        """Return when the next bar closes."""
        return max(self.state.ts + 2 * self.length, self.desk.now())

    def _read(self, strategy: SignalStrategy, given: Slice, fresh: list[BarSeries]) -> tuple[Reading | None, ...]:
        """Grow each window by the slice's bar and read the strategy on it."""
        begin = window_start(given.ts, self.session.timeframe, strategy.memory)
        windows = self._windows if self._windows is not None else self._load(given.ts, strategy)
        self._windows = []
        said: list[Reading | None] = []
        for window, bar, series in zip(windows, given.bars, fresh, strict=True):
            if bar is None:
                said.append(None)
            else:
                place = int(np.searchsorted(series.ts, given.ts))
                window = window.between(begin).joined(series[place : place + 1])
                said.append(read_last(strategy, candles(window), self.wanted))
            self._windows.append(window)
        return tuple(said)

    def _load(self, ts: int, strategy: SignalStrategy) -> list[BarSeries]:
        """Read what the session has seen of the window that the bar at `ts` ends, whatever has arrived since."""
        begin = window_start(ts, self.session.timeframe, strategy.memory)
        with self.desk.store.read() as connection:
            opening = self._opening or _opening(connection, self.session.id)
            marks = _marks_since(connection, self.session.id, begin)
            self._opening = opening
            return [
                recorded.seen_bars(
                    connection, number, instrument, self.session.timeframe, begin, opening.after, opening.arrivals[instrument.key],
                    [mark.ts for mark in marks if place not in mark.absent],
                )
                for place, (number, instrument) in enumerate(zip(self.numbers, self.instruments, strict=True))
            ]  # fmt: skip

    def warm_up(self, go_on: Callable[[], None]) -> Opening:
        """Record the history that the first window wants, and return what there is of it.

        Parameters
        ----------
        go_on
            Called before each instrument; it raises where the session is no longer wanted.
        """
        start = window_start(self.state.ts + self.length, self.session.timeframe, self.strategy.memory)
        end = self.state.ts + self.length
        arrivals = {}
        for instrument, number in zip(self.instruments, self.numbers, strict=True):
            go_on()
            series = fetch(self.desk, self.session.source, instrument, self.session.timeframe, start, end)
            with self.desk.store.write(durable=False) as connection:
                recorded.record(connection, number, series, self.desk.at)
                arrivals[instrument.key] = recorded.arrivals(connection, number)
        self._opening = Opening(self.state.ts, {}, arrivals)
        windows = self._load(end, self.strategy)
        history = {instrument.key: len(window) for instrument, window in zip(self.instruments, windows, strict=True)}
        self._opening = Opening(self.state.ts, history, arrivals)
        return self._opening

    def forget_windows(self) -> None:
        """Load the windows anew before the next reading, as when the strategy's memory has changed."""
        self._windows = None


def fetch(desk: Desk, source: str, instrument: Instrument, timeframe: str, start: int, end: int) -> BarSeries:
    """Return a source's closed bars in a stretch."""
    return desk.source(source).bars(instrument, timeframe, start, end)


def sources_of(connection: Connection, session: str) -> dict[str, str]:
    """Return the digests of the files of the user's own that a session trades, by the names of their strategies.

    The first of a name counts: for as long as it goes, a session knows one code by a name.
    """
    started = _started(connection, session)
    found = {}
    if started is not None and "strategy_source" in started.fingerprint:
        found[started.plan.configuration.strategy] = started.fingerprint["strategy_source"]
    query = select(t.commands.c.body).where(t.commands.c.session == session).order_by(t.commands.c.id)
    for command in (msgspec.json.decode(body, type=Command) for body in connection.execute(query).scalars()):
        if isinstance(command, ChangeConfiguration) and command.source:
            found.setdefault(command.configuration.strategy, command.source)
    return found


def _started(connection: Connection, session: str) -> SessionStarted | None:
    return next(
        (e for row in stream_events(connection, session, ["SessionStarted"]) if isinstance(e := row.event, SessionStarted)), None
    )


def _opening(connection: Connection, session: str) -> Opening:
    started = _started(connection, session)
    assert started is not None
    return Opening(started.after, started.history, started.arrivals)


def _marks_since(connection: Connection, session: str, begin: int) -> list[EquityMarked]:
    """Return the marks of the slices that a session took from a time on, oldest first."""
    marks = (row.event for row in newest_first(connection, session, "EquityMarked"))
    since = takewhile(lambda mark: mark.ts >= begin, (mark for mark in marks if isinstance(mark, EquityMarked)))
    return list(since)[::-1]


def add_input(digest: str, given: Slice) -> str:
    """Return the digest over the inputs after one more slice."""
    hasher = blake2b(bytes.fromhex(digest or "00" * 32), digest_size=32)
    hasher.update(str(given.ts).encode())
    for bar in given.bars:
        pool = f"|{bar.liquidity}" if bar is not None and bar.liquidity is not None else ""
        hasher.update(f"|{bar.open}|{bar.high}|{bar.low}|{bar.close}|{bar.volume}{pool}".encode() if bar else b"|-")
    return hasher.hexdigest()
