"""Selecting: by which program an entry is made, where the configuration lets programs make it, and why.

The rules are asked in this order, and the first whose conditions hold is picked; else the entry is bought at once.

| program | picked where |
|---|---|
| TWAP | the entry is large, its pool shallow or not known, confidence at least 75, a day's volatility from 3 to 15 % |
| VWAP | the entry is large, confidence at least 50, and a whole day's volume was seen |
| grid | a day's volatility is at least 5 %, the trend within 2 %, the pool not shallow, confidence at least 50 |
| DCA | the trend is up, confidence at least 70, the entry at least 100 |

The trend is how far the mean of 50 closes lies from that of 200; the day's volatility is a bar's, times the root of the bars
in a day. All of it is compared in whole numbers, so it is the same everywhere.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import isqrt
from typing import Final, NamedTuple

from workbench.domain.bars import DAY, Bar, Slice, parse_timeframe
from workbench.domain.config import StrategyConfiguration
from workbench.domain.instruments import Instrument
from workbench.domain.money import LEDGER, floor_quotient, product, rounded
from workbench.engine.program import ProgramStrategy
from workbench.engine.programs.dca import Dca
from workbench.engine.programs.grid import Grid
from workbench.engine.programs.twap import Twap
from workbench.engine.programs.vwap import HOURS, Vwap
from workbench.engine.running import obstacle_to
from workbench.engine.strategy import Reading
from workbench.engine.turn import Turn
from workbench.errors import Invalid

_HOUR: Final = 3_600_000
_PERCENT: Final = 10_000
"""One percent in millionths."""
SHALLOW: Final = Decimal(500_000)
THIN: Final = Decimal(100_000)
SMALLEST_DCA: Final = Decimal(100)


class Choice(NamedTuple):
    """The program that an entry is made by, None for a market order at the next open; and why, in a clause."""

    program: ProgramStrategy | None
    reason: str


AT_ONCE: Final = Choice(None, "")


class Market(NamedTuple):
    """What the rules look at.

    Parameters
    ----------
    amount
        What the entry spends.
    confidence
        The strategy's, 0 to 100.
    liquidity
        What the pool holds; None where that is not known.
    trend, volatility
        The trend and the volatility of a day, in millionths; None where they are not known yet.
    price, decimals
        The close, and the decimals of a price.
    curve
        Volume by hour of the UTC day; empty as long as not every hour was seen.
    """

    amount: Decimal
    confidence: float
    liquidity: Decimal | None
    trend: int | None
    volatility: int | None
    price: Decimal
    decimals: int
    curve: tuple[int, ...]


class Rule(NamedTuple):
    """A program's conditions, each with what is said where it does not hold; how the program is made; why it suits."""

    name: str
    conditions: Callable[[Market, StrategyConfiguration], Iterator[tuple[bool, str]]]
    make: Callable[[Market, StrategyConfiguration], ProgramStrategy]
    why: Callable[[Market], str]


def pick(turn: Turn, instrument: Instrument, bar: Bar, reading: Reading, amount: Decimal) -> Choice:
    """Return by which program an entry is made, and why it is that one, or none.

    Parameters
    ----------
    amount
        What the entry is to spend.
    """
    c, length = turn.config, parse_timeframe(turn.now.plan.timeframe)
    seen = turn.now.volumes.get(instrument.key, ())
    market = Market(
        amount,
        reading.confidence,
        bar.liquidity,
        reading.measures.get("trend"),
        _of_a_day(reading.measures.get("volatility"), length),
        bar.close,
        instrument.price_decimals,
        seen if seen and all(seen[:: max(length // _HOUR, 1)]) else (),
    )
    against = []
    for rule in RULES:
        if not getattr(c, f"enable_{rule.name.lower()}"):
            continue
        unmet = next((told for holds, told in rule.conditions(market, c) if not holds), "")
        if not unmet:
            program, obstacle = _made(rule, market, c)
            if program is not None:
                obstacle = obstacle_to(turn, program, instrument)
                if not obstacle:
                    return Choice(program, f"by {rule.name}, for {rule.why(market)}")
            unmet = obstacle[:1].lower() + obstacle[1:].rstrip(".")
        against.append(f"not by {rule.name}, for {unmet}")
    return Choice(None, "; ".join(against))


def _made(rule: "Rule", market: Market, c: StrategyConfiguration) -> tuple[ProgramStrategy | None, str]:
    """Return a rule's program, or why there is none: an entry too small or too large for its bounds is made without it."""
    try:
        return rule.make(market, c), ""
    except Invalid as problem:
        return None, str(problem)


def with_volume(
    volumes: Mapping[str, tuple[int, ...]], given: Slice, instruments: tuple[Instrument, ...]
) -> dict[str, tuple[int, ...]]:
    """Return the volumes by hour of the day after one more slice."""
    hour, after = given.ts // _HOUR % HOURS, dict(volumes)
    for instrument, bar in zip(instruments, given.bars, strict=True):
        if bar is not None:
            hours = list(after.get(instrument.key) or (0,) * HOURS)
            hours[hour] += int(LEDGER.multiply(bar.volume, Decimal(1_000_000)))
            after[instrument.key] = tuple(hours)
    return after


def _of_a_day(volatility: int | None, length: int) -> int | None:
    return None if volatility is None else isqrt(volatility * volatility * DAY // length)


# --- the rules ------------------------------------------------------------------------------------------------------------


def _for_twap(m: Market, c: StrategyConfiguration) -> Iterator[tuple[bool, str]]:
    yield _is_large(m, c)
    yield m.liquidity is None or m.liquidity < SHALLOW, f"its pool of {m.liquidity} is not shallow"
    yield _is_sure(m, 75)
    yield _moves(m, 3, 15)


def _for_vwap(m: Market, c: StrategyConfiguration) -> Iterator[tuple[bool, str]]:
    yield _is_large(m, c)
    yield _is_sure(m, 50)
    yield bool(m.curve), "not every hour of a day was seen yet"


def _for_grid(m: Market, c: StrategyConfiguration) -> Iterator[tuple[bool, str]]:
    yield _moves(m, 5, 1000)
    flat = m.trend is not None and abs(m.trend) <= 2 * _PERCENT
    yield flat, _unless_unknown(m.trend, f"the trend of {_percent(m.trend)} is not flat", "the trend")
    yield m.liquidity is None or m.liquidity >= THIN, f"its pool of {m.liquidity} is too thin"
    yield _is_sure(m, 50)


def _for_dca(m: Market, c: StrategyConfiguration) -> Iterator[tuple[bool, str]]:
    yield m.trend is not None and m.trend > 0, _unless_unknown(m.trend, f"the trend of {_percent(m.trend)} is not up", "the trend")
    yield _is_sure(m, 70)
    yield m.amount >= SMALLEST_DCA, f"{m.amount} is too little to be parted"


def _is_large(m: Market, c: StrategyConfiguration) -> tuple[bool, str]:
    return m.amount >= c.large_trade_size, f"{m.amount.normalize(LEDGER):f} is less than {c.large_trade_size:f}, a large trade"


def _is_sure(m: Market, least: int) -> tuple[bool, str]:
    return m.confidence >= least, f"confidence {m.confidence:.0f} is below {least}"


def _moves(m: Market, least: int, most: int) -> tuple[bool, str]:
    holds = m.volatility is not None and least * _PERCENT <= m.volatility <= most * _PERCENT
    asked = f"{least} to {most} %" if most < 1000 else f"at least {least} %"
    told = f"a day's volatility is {_percent(m.volatility)}, not {asked}"
    return holds, _unless_unknown(m.volatility, told, "the volatility")


def _percent(millionths: int | None) -> str:
    return f"{(millionths or 0) / _PERCENT:.2f} %"


def _unless_unknown(measure: int | None, told: str, name: str) -> str:
    return told if measure is not None else f"{name} is not known yet"


def _grid(m: Market, c: StrategyConfiguration) -> Grid:
    """Return a grid around the price, two days' volatility to either side, at least 2.5 % and at most 50 %."""
    wide = Decimal(min(max(2 * (m.volatility or 0), 25_000), 500_000))
    offset = rounded(LEDGER.multiply(m.price, wide.scaleb(-6)), m.decimals)
    amount = floor_quotient(m.amount, Decimal(c.grid_num_levels), 8)
    target = rounded(product(m.amount, c.grid_profit_target_pct.scaleb(-2), 14), 8)
    return Grid(
        lower=m.price - offset, upper=m.price + offset, levels=c.grid_num_levels, amount_per_level=amount, profit_target=target
    )


RULES: Final = (
    Rule(
        "TWAP",
        _for_twap,
        lambda m, c: Twap(amount=m.amount, slices=c.twap_num_slices, window_hours=c.twap_window_hours),
        lambda m: (
            f"it is large, its pool is {'not known' if m.liquidity is None else 'shallow'} and a day moves {_percent(m.volatility)}"
        ),
    ),
    Rule(
        "VWAP",
        _for_vwap,
        lambda m, c: Vwap(amount=m.amount, slices=c.twap_num_slices, window_hours=c.twap_window_hours, curve=m.curve),
        lambda m: "it is large and the volume of every hour is known",
    ),
    Rule(
        "grid",
        _for_grid,
        _grid,
        lambda m: f"the trend of {_percent(m.trend)} is flat and a day moves {_percent(m.volatility)}",
    ),
    Rule(
        "DCA",
        _for_dca,
        lambda m, c: Dca(amount=m.amount, intervals=c.dca_num_intervals, interval_hours=c.dca_interval_hours),
        lambda m: f"the trend of {_percent(m.trend)} is up and confidence is {m.confidence:.0f}",
    ),
)
"""Asked in this order."""
