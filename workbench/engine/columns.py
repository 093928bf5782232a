"""The columns in which the kernel reads a run and leaves it: whole numbers, and what each of them counts.

Cash is counted in its eight decimals, prices and quantities in the smallest steps of their instrument.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UNSET = -1
MOST_CASH = 1 << 61
"""More than this is not counted here."""
NEVER = -(2**62)
BUY, SELL = 0, 1
ENTRY, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP, EXIT_SIGNAL, MAX_HOLD = 0, 1, 2, 3, 4, 5
PERCENT, FIXED, SHARE = 0, 1, 2
FILLED, REVERTED = 0, 1
HUNDRED = 1_000_000
"""Percent are counted in ten-thousandths of one."""
WHOLE = 100_000_000
"""Basis points are counted in ten-thousandths of one."""

# The columns of a record.
(
    KIND, PLACE, SIDE, REASON, AT, PLACED, ASKED, PRICE, QUANTITY, NOTIONAL, FEE, GAS, TAX, SPREAD, SLIPPAGE, IMPACT, REALISED,
    CASH, NUMBER,
) = range(19)  # fmt: skip
COLUMNS = 19

# The columns of a pending order, one row an instrument.
WAY, AMOUNT, SINCE, WHY, TRIES, ORDER = range(6)
# The columns of a holding, one row an instrument.
HELD, COST, ENTERED, PAID, HIGH, STOP, TARGET, TRAIL = range(8)


class Market(NamedTuple):
    """The bars, one row an instrument and one column a slice; a close of zero means that the bar is absent.

    Parameters
    ----------
    ts
        Open times of the slices.
    open, high, low, close
        In the smallest price step.
    volume
        In 10**-8; empty where no rule asks for it.
    reserve
        What a pool holds of the quote currency, in cents; empty where there is no pool.
    liquidity
        In 10**-8; -1 where a bar has none; empty where no rule asks for it.
    """

    ts: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    reserve: Ints
    liquidity: Ints


class Traits(NamedTuple):
    """What the kernel knows of each instrument: its scale, and the number that draws are made with.

    Parameters
    ----------
    divisor
        Price step times quantity step, in units of cash: 10**(price decimals + size decimals - 8).
    volume_divisor
        10**price decimals.
    seeds
        The hash of its key.
    """

    divisor: Ints
    volume_divisor: Ints
    seeds: NDArray[np.uint64]


class Rules(NamedTuple):
    """A plan as numbers; `UNSET` where a limit is not set."""

    cash: int
    length: int
    # how much
    sizing: int
    size: int
    largest: int
    smallest: int
    token_cap: int
    total_cap: int
    pool_cap: int
    level_cap: int
    slippage_cap: int
    is_capped: int
    # when not to enter, when to leave
    most_positions: int
    most_trades: int
    cooldown: float
    cooldown_after_stop: float
    stop: int
    target: int
    trail: int
    hold: int
    # what it costs
    is_pool: int
    fee: int
    half_spread: int
    slippage: int
    extra: int
    impact: int
    tax: int
    gas: int
    gas_spiked: int
    spike_chance: int
    native: int
    gas_factor: int
    spiked_factor: int
    gas_scale: int
    tolerance: int
    block: int
    delay: int
    failures: int
    sandwiches: int
    seed: int
    word_congestion: int
    word_block: int
    word_network: int
    word_sandwich: int


class Outcome(NamedTuple):
    """What came of a run.

    Parameters
    ----------
    records
        Fills and reverts in order, one row each, `COLUMNS` wide.
    equity
        At every slice; empty where lines were not asked for.
    day_ends
        At the last slice of each day.
    totals
        Final cash, final equity, slices at whose close something was held, ambiguous bars, and whether something did not fit.
    sums
        What the fills come to, in the order of `Sums`, where the records were only added up.
    drawdown
        The deepest fall below the highest equity so far, as a share, zero or negative.
    """

    records: Ints
    equity: Ints
    day_ends: Ints
    totals: Ints
    sums: Ints
    drawdown: float


class Trips(NamedTuple):
    """Closed round trips in columns, in order of closing; money in 10**-8.

    Parameters
    ----------
    opened, closed
        Open times of the bars of the first and the last fill.
    result
        What each made after all its costs.
    invested
        Value bought, before costs.
    """

    opened: Ints
    closed: Ints
    result: Ints
    invested: Ints


class Sums(NamedTuple):
    """What all fills of a run come to; money in 10**-8.

    Parameters
    ----------
    fills, trips, wins
        How many fills, closed round trips, and of those with a result above zero.
    won, lost
        Results of the winning and, as a positive number, of the losing round trips.
    best
        The largest result; `NEVER` where nothing closed.
    notional, fee, gas, tax, spread, slippage, impact
        What was traded, and what it cost.
    """

    fills: int
    trips: int
    wins: int
    won: int
    lost: int
    best: int
    notional: int
    fee: int
    gas: int
    tax: int
    spread: int
    slippage: int
    impact: int
