"""Watching over a session: a breaker trips, waits, lets one entry through, and closes or trips again.

| breaker | trips when | freqtrade calls it |
|---|---|---|
| `daily_loss` | equity has fallen so far since the UTC day before ended | |
| `drawdown` | equity lies so far below its highest | MaxDrawdown |
| `losing_streak` | so many round trips in a row have lost | |
| `volatility` | a bar's range is so wide | |
| `stale_feed` | so many bars of a token are missing in a row | |
| `error_rate` | so many of the last twenty orders have failed | |
| `stoploss_guard` | so many stops were hit within the guard's time | StoplossGuard |
| `low_profit` | a token's last round trips have brought too little; it alone is locked | LowProfitPairs |

(CooldownPeriod is `cooldown_minutes`.) An exit is never stopped.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Final

from msgspec.structs import replace

from workbench.domain.bars import Slice, parse_timeframe
from workbench.domain.breakers import Breaker, Outcome
from workbench.domain.config import StrategyConfiguration
from workbench.domain.events import BreakerClosed, BreakerHalfOpened, BreakerTripped
from workbench.domain.money import LEDGER, share
from workbench.domain.orders import Reason
from workbench.engine.resting import sum_up
from workbench.engine.turn import Turn

_STOPS: Final = (Reason.STOP_LOSS.value, Reason.TRAILING_STOP.value)
_ENOUGH_ORDERS: Final = 5
_MINUTE: Final = 60_000
_HUNDRED: Final = Decimal(100)

Found = tuple[str, Decimal, Decimal]


def watch_over(turn: Turn, given: Slice, gap: int) -> None:
    """Trip what has to trip at this slice, and let those half open whose time has come.

    Parameters
    ----------
    gap
        The most bars that are absent right before one of the slice's.
    """
    c = turn.config
    if turn.now.breakers:
        _half_open(turn)
        _forget_lost_probes(turn)
    if not c.has_breakers:
        return
    for name, value, limit in _found(turn, c, given, gap):
        if name not in turn.now.breakers:
            until = None if c.breaker_minutes is None else turn.now.ts + int(c.breaker_minutes * _MINUTE)
            _trip(turn, Breaker(name, value, limit, turn.now.ts, until))


def _found(turn: Turn, c: StrategyConfiguration, given: Slice, gap: int) -> list[Found]:
    """Return every condition that holds: the breaker's name, what was found, and what is allowed."""
    now, found = turn.now, []
    equity = now.equity
    if (
        c.daily_loss_pct is not None
        and equity < now.day_equity
        and _at_least(now.day_equity - equity, now.day_equity, c.daily_loss_pct)
    ):
        found.append(("daily_loss", _percent(now.day_equity - equity, now.day_equity), c.daily_loss_pct))
    if c.drawdown_pct is not None and equity < now.peak and _at_least(now.peak - equity, now.peak, c.drawdown_pct):
        found.append(("drawdown", _percent(now.peak - equity, now.peak), c.drawdown_pct))
    if c.losing_streak is not None and now.streak >= c.losing_streak:
        found.append(("losing_streak", Decimal(now.streak), Decimal(c.losing_streak)))
    if c.volatility_pct is not None:
        wild = [bar for bar in given.bars if bar is not None and _at_least(bar.high - bar.low, bar.open, c.volatility_pct)]
        if wild:
            found.append(("volatility", max(_percent(bar.high - bar.low, bar.open) for bar in wild), c.volatility_pct))
    if c.stale_bars is not None:
        missing = gap if None not in given.bars else _missing(turn, given)
        if missing >= c.stale_bars:
            found.append(("stale_feed", Decimal(missing), Decimal(c.stale_bars)))
    if c.error_rate_pct is not None and len(now.sent) >= _ENOUGH_ORDERS and "x" in now.sent:
        failed, sent = Decimal(now.sent.count("x")), Decimal(len(now.sent))
        if _at_least(failed, sent, c.error_rate_pct):
            found.append(("error_rate", _percent(failed, sent), c.error_rate_pct))
    if c.stoploss_guard is not None and len(now.outcomes) >= c.stoploss_guard:
        since = now.ts - int(c.stoploss_guard_minutes * _MINUTE)
        recent = takewhile(lambda outcome: outcome.ts > since, reversed(now.outcomes))
        stops = sum(outcome.reason in _STOPS for outcome in recent)
        if stops >= c.stoploss_guard:
            found.append(("stoploss_guard", Decimal(stops), Decimal(c.stoploss_guard)))
    if c.low_profit_trades is not None and turn.ended:
        found += _low_profits(now.outcomes, c.low_profit_trades, c.low_profit_pct)
    return found


def _low_profits(outcomes: Sequence[Outcome], trades: int, least: Decimal) -> Iterator[Found]:
    """Yield the tokens whose last round trips have brought too little on average."""
    by_token: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_token.setdefault(outcome.instrument, []).append(outcome)
    for key, all_of_it in by_token.items():
        newest = all_of_it[-trades:]
        if len(newest) == trades:
            mean = share(sum((o.return_pct for o in newest), Decimal(0)), Decimal(1), Decimal(trades), 4)
            if mean < least:
                yield f"low_profit:{key}", mean, least


def _missing(turn: Turn, given: Slice) -> int:
    """Return how many bars of some token are missing up to now, the most of any."""
    length, most = parse_timeframe(turn.now.plan.timeframe), 0
    for instrument, bar in zip(turn.now.plan.instruments, given.bars, strict=True):
        # What has come at this slice was marked as seen before; its gap was counted when it came.
        seen = turn.before.seen.get(instrument.key)
        if seen is not None:
            most = max(most, (given.ts - seen) // length - (bar is not None))
    return most


def _at_least(part: Decimal, whole: Decimal, percent: Decimal) -> bool:
    """Tell whether a part is at least so many percent of a whole above zero, without dividing."""
    return whole > 0 and part > 0 and LEDGER.multiply(part, _HUNDRED) >= LEDGER.multiply(whole, percent)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return share(part, _HUNDRED, whole, 4)


def _trip(turn: Turn, breaker: Breaker) -> None:
    turn.now.breakers = {**turn.now.breakers, breaker.name: breaker}
    turn.events.append(BreakerTripped(breaker))


def _half_open(turn: Turn) -> None:
    for name, breaker in turn.now.breakers.items():
        if not breaker.half_open and breaker.until is not None and turn.now.ts >= breaker.until:
            turn.now.breakers = {**turn.now.breakers, name: replace(breaker, half_open=True)}
            turn.events.append(BreakerHalfOpened(name, turn.now.ts))


def _forget_lost_probes(turn: Turn) -> None:
    """Let another entry be tried where the one that was let through never came to be: rejected, reverted or taken back."""
    for name, breaker in turn.now.breakers.items():
        key = breaker.tried
        if key and key not in turn.now.book.positions and key not in sum_up(turn.now.book.orders).buying and not turn.runs_in(key):
            turn.now.breakers = {**turn.now.breakers, name: replace(breaker, tried="")}


def close_breaker(turn: Turn, name: str, why: str) -> None:
    """Close a breaker: what it watches begins anew from here."""
    breaker = turn.now.breakers[name]
    turn.now.breakers = {other: kept for other, kept in turn.now.breakers.items() if other != name}
    match name.partition(":")[0]:
        case "daily_loss":
            turn.now.day_equity = turn.now.equity
        case "drawdown":
            turn.now.peak = turn.now.equity
        case "losing_streak":
            turn.now.streak = 0
        case "error_rate":
            turn.now.sent = ""
        case "stoploss_guard":
            turn.now.outcomes = tuple(outcome for outcome in turn.now.outcomes if outcome.reason not in _STOPS)
        case "low_profit":
            turn.now.outcomes = tuple(outcome for outcome in turn.now.outcomes if outcome.instrument != breaker.token)
    turn.events.append(BreakerClosed(name, turn.now.ts, why))


def probe_ended(turn: Turn, outcome: Outcome) -> None:
    """Let the outcome of the entry that a half-open breaker let through decide: a win closes it, a loss trips it again."""
    for name, breaker in tuple(turn.now.breakers.items()):
        if breaker.tried == outcome.instrument:
            if outcome.result > 0:
                close_breaker(turn, name, "a win")
            else:
                minutes = turn.config.breaker_minutes
                until = None if minutes is None else turn.now.ts + int(minutes * _MINUTE)
                _trip(turn, replace(breaker, since=turn.now.ts, until=until, half_open=False, tried=""))


def blocking(turn: Turn, key: str) -> Breaker | None:
    """Return the breaker that stops an entry in a token, or None."""
    for breaker in turn.now.breakers.values():
        if breaker.token in ("", key) and not (breaker.half_open and not breaker.tried):
            return breaker
    return None


def probing(turn: Turn, key: str) -> bool:
    """Tell whether an entry in a token would be the one that a half-open breaker lets through."""
    return any(breaker.half_open and breaker.token in ("", key) for breaker in turn.now.breakers.values())


def probe_sent(turn: Turn, key: str) -> None:
    """Remember that the one entry was made."""
    turn.now.breakers = {
        name: replace(breaker, tried=key) if breaker.half_open and breaker.token in ("", key) else breaker
        for name, breaker in turn.now.breakers.items()
    }
