"""The kernel: the rules of `step()` on whole-number columns, compiled; equal to it in every fill, mark and digest, by test.

What it knows is what `workbench.engine.lowering.obstacles` does not name; everything else runs in `step()`. It keeps the
order of things that `step()` keeps: orders and exits first, instrument by instrument; then the marks; then, again in order,
what is decided at the close. Gates that depend on nothing but the data are worked out before, for all bars at once.

All amounts are int64: cash in its eight decimals, prices and quantities in the smallest steps of their instrument. Where a
number would not fit, a flag is set and the run belongs to `step()`.
"""

import sys
import threading
import time
from typing import Any, Final, NamedTuple

import numpy as np

from workbench.engine import crossing
from workbench.engine.columns import (
    AMOUNT,
    ASKED,
    AT,
    BUY,
    CASH,
    COLUMNS,
    COST,
    ENTERED,
    ENTRY,
    EXIT_SIGNAL,
    FEE,
    FILLED,
    FIXED,
    GAS,
    HELD,
    HIGH,
    HUNDRED,
    IMPACT,
    KIND,
    MAX_HOLD,
    MOST_CASH,
    NEVER,
    NOTIONAL,
    NUMBER,
    ORDER,
    PAID,
    PERCENT,
    PLACE,
    PLACED,
    PRICE,
    QUANTITY,
    REALISED,
    REASON,
    REVERTED,
    SELL,
    SIDE,
    SINCE,
    SLIPPAGE,
    SPREAD,
    STOP,
    STOP_LOSS,
    TAKE_PROFIT,
    TARGET,
    TAX,
    TRAIL,
    TRAILING_STOP,
    TRIES,
    UNSET,
    WAY,
    WHOLE,
    WHY,
    Bools,
    Ints,
    Market,
    Outcome,
    Rules,
    Traits,
)
from workbench.engine.exact import (
    borrowed,
    compiled,
    floored,
    half_even,
    half_even_of_three,
    inlined,
    signed_half_even,
    wide_product,
    wide_quotient,
    wide_times,
)
from workbench.engine.strategy import frozen

MOST_ESTIMATED = 2.0**51
"""Up to this a quotient that is estimated in floats is off by one at most."""
UNLIMITED = (
    "largest", "token_cap", "total_cap", "pool_cap", "level_cap", "slippage_cap", "most_positions", "most_trades", "stop", "target",
    "trail", "hold",
)  # fmt: skip
"""Limits of which a plain run has none."""
GLANCE = 64
"""So many bars are glanced at together."""


class Spot(NamedTuple):
    """One bar of one instrument, with what a fill in it depends on."""

    ts: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    reserve: int
    liquidity: int
    divisor: int
    volume_divisor: int
    seed: int
    native: int


@inlined
def _spot(i, t, bars, volumes, reserves, liquidities, divisors, volume_divisors, seeds, marks, native, at_close, ranges):
    """Return a bar as a fill or a decision reads it; a price that nothing asks for is not fetched, for memory is far away."""
    times, opens, highs, lows, closes = bars
    return Spot(
        times[t], 0 if at_close else opens[i, t], highs[i, t] if ranges else 0, lows[i, t] if ranges else 0,
        closes[i, t] if at_close else 0, volumes[i, t] if volumes.shape[0] > 0 else 0,
        reserves[i, t] if reserves.shape[0] > 0 else 0, liquidities[i, t] if liquidities.shape[0] > 0 else UNSET, divisors[i],
        volume_divisors[i], seeds[i], marks[native] if native >= 0 else 0,
    )  # fmt: skip


# --- chance -----------------------------------------------------------------------------------------------------------


@compiled
def _mixed(state):
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@compiled
def drawn(seed, key, ts, what, number):
    """Return what `workbench.engine.chance.draw` does."""
    state = _mixed(np.uint64(seed))
    state = _mixed(state ^ np.uint64(key))
    state = _mixed(state ^ np.uint64(ts))
    state = _mixed(state ^ np.uint64(what))
    if number:
        state = _mixed(state ^ np.uint64(number))
    parts = np.uint64(1_000_000)
    upper, lower = state >> np.uint64(32), state & np.uint64(0xFFFFFFFF)
    return np.int64((upper * parts + ((lower * parts) >> np.uint64(32))) >> np.uint64(32))


# --- prices and costs -------------------------------------------------------------------------------------------------


@inlined
def _quoted(side, at, size, spot, rules, flags):
    """Return the price of a fill, as `costs.quote` does."""
    if rules.is_pool:
        reserve = spot.reserve * 1_000_000
        if side == BUY:
            if rules.extra == 0:
                return half_even(at, reserve + size, reserve, flags)
            return half_even_of_three(at, reserve + size, WHOLE + rules.extra, reserve, WHOLE, flags)
        value = half_even(size, at, spot.divisor, flags)
        if rules.extra == 0:
            return half_even(at, reserve, reserve + value, flags)
        if rules.extra >= WHOLE:
            return 0
        return half_even_of_three(at, reserve, WHOLE - rules.extra, reserve + value, WHOLE, flags)
    against = rules.half_spread + rules.slippage + rules.extra
    if rules.impact:
        value = size if side == BUY else half_even(size, at, spot.divisor, flags)
        volume = half_even(spot.volume, at, spot.volume_divisor, flags) if spot.volume else 0
        taken = min(value, volume) if volume else value
        if taken:
            against += half_even(rules.impact, taken, volume or value, flags)
    if against == 0:
        return at
    if side == BUY:
        return half_even(at, WHOLE + against, WHOLE, flags)
    if against >= WHOLE:
        return 0
    return half_even(at, WHOLE - against, WHOLE, flags)


@inlined
def _delayed(side, at, spot, rules, flags):
    waits = rules.delay
    if rules.block:
        waits += rules.block * (drawn(rules.seed, spot.seed, spot.ts, rules.word_block, 0) + 1) // 1_000_000
    if waits == 0:
        return at
    worst = spot.high if side == BUY else spot.low
    return at + signed_half_even(worst - at, min(3 * waits, rules.length), rules.length, flags)


@inlined
def _gas(spot, rules, flags):
    if not rules.is_pool:
        return rules.gas
    spiked = rules.spike_chance and drawn(rules.seed, spot.seed, spot.ts, rules.word_congestion, 0) < rules.spike_chance
    if spot.native == 0:
        return rules.gas_spiked if spiked else rules.gas
    high, low = wide_product(rules.spiked_factor if spiked else rules.gas_factor, spot.native)
    divisor_high, divisor_low = np.uint64(0), np.uint64(1)
    for _ in range(rules.gas_scale):
        divisor_high, divisor_low = wide_times(divisor_high, divisor_low, 10, flags)
    q, compared, _ = wide_quotient(high, low, divisor_high, divisor_low, flags)
    if compared > 0 or (compared == 0 and (q & 1) == 1):
        q += 1
    return q


@inlined
def _fee(side, notional, rules, flags):
    if rules.fee == 0:
        return 0
    if rules.is_pool and side == BUY:
        return half_even(notional, rules.fee, WHOLE - rules.fee, flags)
    return half_even(notional, rules.fee, WHOLE, flags)


@inlined
def _taxed(notional, rules, flags):
    return half_even(notional, rules.tax, WHOLE, flags) if rules.tax else 0


@compiled
def _cash_for(quantity, price, gas, spot, rules, flags):
    notional = half_even(quantity, price, spot.divisor, flags)
    return notional + _fee(BUY, notional, rules, flags) + _taxed(notional, rules, flags) + gas


@compiled
def _affordable(amount, cash, price, gas, spot, rules, flags):
    """Return what an amount buys, or the most that cash covers, as `sizing.quantity_for` does."""
    wanted = floored(amount, spot.divisor, price, flags)
    if 4 * amount + gas + 1_000 <= cash and 2 * (rules.fee + rules.tax) < WHOLE:
        # Fees and tax take less than the amount itself each, and nothing has to be reckoned to know that it is there.
        return max(wanted, 0)
    if wanted <= 0 or _cash_for(wanted, price, gas, spot, rules, flags) <= cash:
        return max(wanted, 0)
    if _cash_for(0, price, gas, spot, rules, flags) > cash:
        return 0
    low, high = 0, wanted
    # What a quantity takes never falls as it grows: a guess by division, and halving for the rest.
    per_step = np.float64(price) / np.float64(spot.divisor) * (1.0 + np.float64(rules.fee + rules.tax) / WHOLE)
    guess = np.int64(np.float64(cash - gas) / per_step)
    slack = np.int64(10.0 / per_step) + guess // (1 << 40) + 2
    if low < guess - slack < high and _cash_for(guess - slack, price, gas, spot, rules, flags) <= cash:
        low = guess - slack
    if low < guess + slack < high and _cash_for(guess + slack, price, gas, spot, rules, flags) > cash:
        high = guess + slack
    while high - low > 1:
        middle = (low + high) // 2
        if _cash_for(middle, price, gas, spot, rules, flags) <= cash:
            low = middle
        else:
            high = middle
    return low


# --- fills ------------------------------------------------------------------------------------------------------------


@inlined
def _hold(held, i, ts, price, rules, flags):
    """Work out the exits of what was just bought."""
    held[i, ENTERED], held[i, PAID], held[i, HIGH] = ts, price, price
    held[i, STOP] = half_even(price, HUNDRED - rules.stop, HUNDRED, flags) if rules.stop >= 0 else UNSET
    held[i, TARGET] = half_even(price, HUNDRED + rules.target, HUNDRED, flags) if rules.target >= 0 else UNSET
    held[i, TRAIL] = half_even(price, HUNDRED - rules.trail, HUNDRED, flags) if rules.trail >= 0 else UNSET


@inlined
def _fill(side, at, reference, i, t, spot, pending, held, left, stopped, cash, rules, records, count, flags):
    """Fill the pending order of an instrument as `turn.fill` does.

    Returns
    -------
    int, int
        Cash afterwards; 1 where it traded, 0 where it was rejected, 2 where it came back.
    """
    amount, number = pending[i, AMOUNT], pending[i, ORDER]
    ts = spot.ts
    free, size = cash, amount
    if side == BUY:
        for other in range(pending.shape[0]):
            if other != i and pending[other, WAY] == BUY:
                free -= pending[other, AMOUNT]
        free = max(free, 0)
        size = min(amount, free)
    else:
        size = min(amount, held[i, HELD])
    gas = _gas(spot, rules, flags)
    traded_at = _delayed(side, at, spot, rules, flags)
    price = _quoted(side, traded_at, size, spot, rules, flags)
    if price <= 0 and not rules.is_pool:
        flags[0] = 1
        return cash, 0
    came_back = rules.failures and drawn(rules.seed, spot.seed, ts, rules.word_network, number) < rules.failures
    ran = False
    if not came_back:
        if price <= 0:
            came_back = ran = True
        elif rules.is_pool and rules.tolerance >= 0:
            percent = rules.tolerance
            if pending[i, TRIES]:
                percent = min(max(percent, 5_000) << min(pending[i, TRIES], 10), HUNDRED)
            factor = HUNDRED + percent if side == BUY else HUNDRED - percent
            worst = half_even(reference, factor, HUNDRED, flags)
            if (side == BUY and price > worst) or (side == SELL and price < worst):
                came_back = ran = True
            elif rules.sandwiches and drawn(rules.seed, spot.seed, ts, rules.word_sandwich, number) < rules.sandwiches:
                factor = HUNDRED + rules.tolerance if side == BUY else HUNDRED - rules.tolerance
                taken = half_even(reference, factor, HUNDRED, flags)
                price = max(price, taken) if side == BUY else max(min(price, taken), 1)
    records[count, PLACE], records[count, SIDE], records[count, REASON], records[count, AT] = i, side, pending[i, WHY], t
    records[count, PLACED], records[count, ASKED], records[count, NUMBER] = pending[i, SINCE], amount, number
    if came_back:
        lost = gas if rules.is_pool else 0
        if lost > cash:
            pending[i, WAY] = UNSET
            return cash, 0
        records[count, KIND], records[count, GAS], records[count, CASH] = REVERTED, lost, cash - lost
        if side == BUY:
            pending[i, WAY] = UNSET
        else:
            pending[i, TRIES] += 1 if ran else 0
        return cash - lost, 2
    quantity = _affordable(amount, free, price, gas, spot, rules, flags) if side == BUY else size
    notional = half_even(quantity, price, spot.divisor, flags)
    fee, tax = _fee(side, notional, rules, flags), _taxed(notional, rules, flags)
    realised = 0
    if side == BUY:
        if notional == 0:
            pending[i, WAY] = UNSET
            return cash, 0
        after = cash - notional - fee - tax - gas
    else:
        after = cash + notional - fee - tax - gas
        if quantity == 0 or after < 0:
            pending[i, WAY] = UNSET
            return cash, 0
        realised = notional - held[i, COST]
    spread, slippage, impact = 0, 0, 0
    moved = rules.is_pool or rules.impact or traded_at != at
    if moved or rules.half_spread or rules.slippage or rules.extra:
        before = half_even(quantity, at, spot.divisor, flags)
        spread = half_even(before, rules.half_spread, WHOLE, flags)
        slippage = half_even(before, rules.slippage + rules.extra, WHOLE, flags)
        if moved:
            impact = (notional - before if side == BUY else before - notional) - spread - slippage
    records[count, KIND], records[count, PRICE], records[count, QUANTITY], records[count, NOTIONAL] = (
        FILLED,
        price,
        quantity,
        notional,
    )
    records[count, FEE], records[count, GAS], records[count, TAX], records[count, SPREAD], records[count, SLIPPAGE] = (
        fee,
        gas,
        tax,
        spread,
        slippage,
    )
    records[count, IMPACT] = impact
    records[count, REALISED], records[count, CASH] = realised, after
    why = pending[i, WHY]
    pending[i, WAY] = UNSET
    if side == BUY:
        held[i, HELD], held[i, COST] = quantity, notional
        _hold(held, i, ts, price, rules, flags)
    else:
        held[i, HELD], held[i, COST] = 0, 0
        left[i], stopped[i] = ts, 1 if why in (STOP_LOSS, TRAILING_STOP) else 0
    return after, 1


@inlined
def _forced(i, spot, held):
    """Return the reason, the price and the ambiguity of the exit that a bar forces, as `exits.exit_in_bar` does."""
    if held[i, STOP] < 0 and held[i, TRAIL] < 0 and held[i, TARGET] < 0:
        return UNSET, 0, 0
    stop, reason = held[i, STOP], STOP_LOSS
    if held[i, TRAIL] >= 0 and (stop < 0 or held[i, TRAIL] > stop):
        stop, reason = held[i, TRAIL], TRAILING_STOP
    target, opened = held[i, TARGET], spot.open
    if stop >= 0 and opened <= stop:
        return reason, opened, 0
    if target >= 0 and opened >= target:
        return TAKE_PROFIT, opened, 0
    if stop >= 0 and spot.low <= stop:
        return reason, stop, 1 if target >= 0 and spot.high >= target else 0
    if target >= 0 and spot.high >= target:
        return TAKE_PROFIT, target, 0
    return UNSET, 0, 0


# --- entries ----------------------------------------------------------------------------------------------------------


@compiled
def _entry_amount(i, equity, cash, share, spot, pending, held, left, stopped, marks, trades_today, divisors, rules, flags):
    """Return what an entry at this close spends; 0 where a gate or a cap stops it."""
    open_positions, under_way, reserved = 0, 0, 0
    for other in range(held.shape[0]):
        if held[other, HELD] > 0 or pending[other, WAY] == BUY:
            open_positions += 1
        if pending[other, WAY] != UNSET:
            under_way += 1
            if pending[other, WAY] == BUY:
                reserved += pending[other, AMOUNT]
    if rules.most_positions >= 0 and open_positions >= rules.most_positions:
        return 0
    if rules.most_trades >= 0 and trades_today + under_way >= rules.most_trades:
        return 0
    if left[i] != NEVER:
        minutes = max(rules.cooldown, rules.cooldown_after_stop) if stopped[i] else rules.cooldown
        if not (spot.ts - left[i]) / 60_000 >= minutes:
            return 0
    available = max(cash - reserved, 0)
    if available <= 0 or available < rules.smallest:
        return 0
    if rules.sizing == FIXED:
        allowed = rules.size
    elif rules.sizing == PERCENT:
        allowed = half_even(equity, rules.size, HUNDRED, flags)
    else:
        allowed = half_even(equity, share, 1_000_000, flags) if share > 0 else 0
    if rules.level_cap >= 0:
        allowed = min(allowed, half_even(equity, rules.level_cap, HUNDRED, flags))
    if rules.largest >= 0:
        allowed = min(allowed, rules.largest)
    if rules.token_cap >= 0 or rules.total_cap >= 0:
        in_token, in_all = 0, 0
        for other in range(held.shape[0]):
            if held[other, HELD] > 0:
                in_all += half_even(held[other, HELD], marks[other], divisors[other], flags)
            if pending[other, WAY] == BUY:
                in_all += pending[other, AMOUNT]
        if rules.token_cap >= 0:
            allowed = min(allowed, half_even(equity, rules.token_cap, HUNDRED, flags) - in_token)
        if rules.total_cap >= 0:
            allowed = min(allowed, half_even(equity, rules.total_cap, HUNDRED, flags) - in_all)
    if rules.pool_cap >= 0 and spot.liquidity >= 0:
        allowed = min(allowed, half_even(spot.liquidity, rules.pool_cap, HUNDRED, flags))
    amount = min(max(allowed, 0), available)
    if amount < max(rules.smallest, 1) and (rules.is_capped or amount == 0):
        return 0
    if rules.slippage_cap >= 0:
        close = spot.close
        price = _quoted(BUY, close, amount, spot, rules, flags)
        if half_even(price - close, WHOLE, close, flags) > rules.slippage_cap:
            return 0
    return amount


# --- stretches in which nothing happens --------------------------------------------------------------------------------


@compiled
def _fall(trough, peak):
    return (np.float64(trough) / 1e8) / (np.float64(peak) / 1e8) - 1.0


@inlined
def _look_down(equity, extremes, falls):
    """Keep the highest equity and the lowest since: the deepest fall below a high is at the lowest mark after it."""
    if equity > extremes[0]:
        if extremes[1] < extremes[0]:
            falls[0] = min(falls[0], _fall(extremes[1], extremes[0]))
        extremes[0] = extremes[1] = equity
    elif equity < extremes[1]:
        extremes[1] = equity


@inlined
def _hold_still(t, cash, held, times, closes, highs, lows, rules, out, divisor, line, days, day_ends, day, extremes, falls):
    """Mark a position in the only instrument until a bar at which something may happen to it.

    Returns
    -------
    int, int
        The first bar that is not marked, and the next day.
    """
    total = times.shape[0]
    quantity = held[0, HELD]
    floor = max(held[0, STOP], held[0, TRAIL])
    ceiling = held[0, TARGET] if held[0, TARGET] >= 0 else -NEVER
    if held[0, TRAIL] >= 0:
        ceiling = min(ceiling, held[0, HIGH] + 1)
    until = held[0, ENTERED] + rules.hold - rules.length if rules.hold >= 0 else -NEVER
    factor, half = np.float64(quantity) / np.float64(divisor), divisor // 2 if divisor > 1 else 1
    # A value beyond what the estimate below is good for is left to the caller, who notices what does not fit.
    ceiling = min(ceiling, np.int64(min(MOST_ESTIMATED / factor, 4e18)))
    keeps_line, many_days = line.shape[0] > 0, days.shape[0]
    peak, trough, worst = extremes[0], extremes[1], falls[0]
    next_day = days[day] if day < many_days else total
    while t < total - 1:
        if out[t] or lows[t] <= floor or highs[t] >= ceiling or times[t] >= until:
            break
        close = closes[t]
        # The product rounded half-even, as `exact.half_even`: the estimate is off by a few at most.
        value = np.int64(np.float64(close) * factor)
        rest = close * quantity - value * divisor
        while rest < 0:
            rest += divisor
            value -= 1
        while rest >= divisor:
            rest -= divisor
            value += 1
        # Without a branch: which way it rounds cannot be foretold.
        equity = cash + value + (np.int64(rest > half) | (np.int64(rest == half) & (value & 1)))
        if equity > peak:
            if trough < peak:
                worst = min(worst, _fall(trough, peak))
            peak = trough = equity
        elif equity < trough:
            trough = equity
        if keeps_line:
            line[t] = equity
        if t == next_day:
            day_ends[day] = equity
            day += 1
            next_day = days[day] if day < many_days else total
        t += 1
    extremes[0], extremes[1], falls[0] = peak, trough, worst
    return t, day


@inlined
def _beyond(cash, factor, extremes):
    """Return the least close that may give a new high, and the highest that may give a new low since the last one."""
    top, bottom = np.float64(extremes[0] - cash) / factor, np.float64(extremes[1] - cash) / factor
    # A dust of a position has its next high beyond any price that fits.
    top, bottom = min(top - abs(top) * 1e-14, 4e18), max(bottom + abs(bottom) * 1e-14, -4e18)
    return np.int64(top) - 2, np.int64(bottom) + 2


@inlined
def _extent(column):
    """Return the least and the greatest of a column; the places counted from its own beginning, so that several go at once."""
    lowest = highest = column[0]
    for place in range(len(column)):
        lowest, highest = min(lowest, column[place]), max(highest, column[place])
    return lowest, highest


@inlined
def _mark_until(t, end, cash, quantity, closes, divisor, days, day_ends, day, extremes, falls, flags):
    """Mark a position where no line is kept: only new highs and lows are valued, and most bars are only glanced at.

    A position is worth no less at a higher close, so only closes beyond those of the last high and low can change them. That is
    asked of many bars at once, which the compiler does in a few instructions.

    Returns
    -------
    int
        The next day.
    """
    many_days = days.shape[0]
    factor = np.float64(quantity) / np.float64(divisor)
    # Closes beyond these may bring a new high or a new low; a little nearer than they are, for they are found in floats.
    top, bottom = _beyond(cash, factor, extremes)
    while t < end:
        next_day = days[day] if day < many_days else end
        stop = min(end, next_day, t + GLANCE)
        if t < stop:
            lowest, highest = _extent(closes[t:stop])
            if highest >= top or lowest <= bottom:
                for k in range(t, stop):
                    if closes[k] >= top or closes[k] <= bottom:
                        _look_down(cash + half_even(quantity, closes[k], divisor, flags), extremes, falls)
                        top, bottom = _beyond(cash, factor, extremes)
            t = stop
        if t == next_day and t < end:
            equity = cash + half_even(quantity, closes[t], divisor, flags)
            _look_down(equity, extremes, falls)
            top, bottom = _beyond(cash, factor, extremes)
            day_ends[day] = equity
            day += 1
            t += 1
    return day


@inlined
def _wait_still(
    t, cash, held, times, closes, highs, lows, ranges, rules, out, divisor, days, day_ends, day, extremes, falls, flags
):  # fmt: skip
    """Do what `_hold_still` does where no line is kept.

    Parameters
    ----------
    out
        The first bar from t on at which the strategy wants out.
    ranges
        Whether an exit has a price.
    """
    end = min(out, times.shape[0] - 1)
    if rules.hold >= 0:
        end = min(end, np.searchsorted(times, held[0, ENTERED] + rules.hold - rules.length))
    if ranges:
        floor = max(held[0, STOP], held[0, TRAIL])
        ceiling = held[0, TARGET] if held[0, TARGET] >= 0 else -NEVER
        if held[0, TRAIL] >= 0:
            ceiling = min(ceiling, held[0, HIGH] + 1)
        # No exit has a price among bars whose highest is below it.
        k = t
        while k < end:
            stop = min(end, k + GLANCE)
            if _extent(lows[k:stop])[0] <= floor or _extent(highs[k:stop])[1] >= ceiling:
                while lows[k] > floor and highs[k] < ceiling:
                    k += 1
                end = k
            else:
                k = stop
    if end <= t:
        return t, day
    return end, _mark_until(t, end, cash, held[0, HELD], closes, divisor, days, day_ends, day, extremes, falls, flags)


# --- in sums ----------------------------------------------------------------------------------------------------------


@compiled
def _add_up(records, count, paid_in, sums, flags):
    """Add the first so many records to a run's sums, in the order of `columns.Sums`; where they do not fit a flag is set."""
    for row in range(count):
        if records[row, KIND] != FILLED:
            continue
        paid = records[row, FEE] + records[row, GAS] + records[row, TAX]
        sums[0] += 1
        sums[6] += records[row, NOTIONAL]
        sums[7] += records[row, FEE]
        sums[8] += records[row, GAS]
        sums[9] += records[row, TAX]
        sums[10] += records[row, SPREAD]
        sums[11] += records[row, SLIPPAGE]
        sums[12] += records[row, IMPACT]
        # No single amount is more than this, so the next one still fits.
        if max(sums[3], sums[4], sums[6], sums[8]) > MOST_CASH:
            flags[0] = 1
            return
        place = records[row, PLACE]
        if records[row, SIDE] == BUY:
            paid_in[place] = paid
            continue
        result = records[row, REALISED] - paid - paid_in[place]
        sums[1] += 1
        sums[2] += 1 if result > 0 else 0
        sums[3] += max(result, 0)
        sums[4] += max(-result, 0)
        sums[5] = max(sums[5], result)


# --- the run ----------------------------------------------------------------------------------------------------------


def run_kernel(
    market: Market, traits: Traits, rules: Rules, allowed: Bools, wants_out: Bools, shares: Ints, days: Ints, wants_lines: bool
) -> Outcome:
    """Trade every slice, and return what came of it.

    Parameters
    ----------
    market, traits, rules
        The bars, their instruments and the plan.
    allowed
        Where an entry passes every gate that depends on the data alone; shape (instruments, slices).
    wants_out
        Where the strategy wants out.
    shares
        Of equity for an entry, in millionths, where sizing works by volatility or Kelly.
    days
        The last slice of every UTC day.
    wants_lines
        Whether every record and equity at every slice are kept; otherwise the records are only added up.
    """
    # Where something may happen is found at once, so that the kernel goes from one such place to the next.
    # What a strategy gives may be read-only, for which everything would be compiled anew.
    wants_out, shares = _writeable(wants_out), _writeable(shares)
    entries = crossing.places(np.ascontiguousarray(_writeable(allowed[0] if len(allowed) == 1 else allowed.any(axis=0))))
    exits = crossing.places(np.ascontiguousarray(wants_out[0]))
    if not wants_lines and is_plain(rules, len(market.close)):
        plain: Outcome = run_plain(market, traits, rules, entries, exits, days)
        return plain
    found: Outcome = _run(market, traits, rules, allowed, wants_out, shares, days, wants_lines, entries, exits)
    return found


def _writeable(column: Any) -> Any:
    return column if column.flags.writeable else column.copy()


@compiled
def _run(market, traits, rules, allowed, wants_out, shares, days, wants_lines, entry_places, exit_places):
    """Do what `run_kernel` does, with the places at which any instrument may be entered and the first one be left."""
    entries, exits = borrowed(entry_places), borrowed(exit_places)
    times, opens, highs = borrowed(market.ts), borrowed(market.open), borrowed(market.high)
    lows, closes, volumes = borrowed(market.low), borrowed(market.close), borrowed(market.volume)
    reserves, liquidities = borrowed(market.reserve), borrowed(market.liquidity)
    divisors, volume_divisors, seeds = borrowed(traits.divisor), borrowed(traits.volume_divisor), borrowed(traits.seeds)
    first_closes, first_highs = borrowed(market.close[0]), borrowed(market.high[0])
    first_lows, first_out = borrowed(market.low[0]), borrowed(wants_out[0])
    may, out, days, portions = borrowed(allowed), borrowed(wants_out), borrowed(days), borrowed(shares)
    has_shares = portions.shape[0] > 0
    bars = (times, opens, highs, lows, closes)
    ranges = rules.stop >= 0 or rules.target >= 0 or rules.trail >= 0 or rules.delay > 0 or rules.block > 0
    many, total = closes.shape
    # One piece of memory for all that changes; its owner is used in the last line.
    memory = np.zeros(16 + 18 * many, np.int64)
    flags, extremes, rest = borrowed(memory[0:1]), borrowed(memory[1:3]), memory[16:]
    pending = borrowed(rest[: 6 * many].reshape(many, 6))
    held = borrowed(rest[6 * many : 14 * many].reshape(many, 8))
    left, stopped = borrowed(rest[14 * many : 15 * many]), borrowed(rest[15 * many : 16 * many])
    marks, paid_in = borrowed(rest[16 * many : 17 * many]), borrowed(rest[17 * many : 18 * many])
    sums = borrowed(memory[3:16])
    sums[5] = NEVER
    pending[:] = UNSET
    left[:] = NEVER
    kept = np.zeros(((256 if wants_lines else 16) + 2 * many, COLUMNS), np.int64)
    records = borrowed(kept)
    whole_line = np.zeros(total if wants_lines else 0, np.int64)
    whole_ends, falls = np.zeros(len(days), np.int64), np.zeros(1)
    line, day_ends, depth = borrowed(whole_line), borrowed(whole_ends), borrowed(falls)
    count, number, day, held_slices, ambiguous = 0, 1, 0, 0, 0
    cash = equity = rules.cash
    extremes[0] = extremes[1] = cash
    today, trades_today = np.int64(-1), 0
    waiting, holding = 0, 0
    entry, leaving = 0, 0
    t = 0
    while t < total:
        if holding == 0 and waiting == 0:
            # Nothing can happen before the next slice at which an entry is allowed.
            while entry < entries.shape[0] and entries[entry] < t:
                entry += 1
            ahead = entries[entry] if entry < entries.shape[0] else total
            if ahead > t:
                if many > 1:
                    for i in range(many):
                        for back in range(ahead - 1, t - 1, -1):
                            if closes[i, back]:
                                marks[i] = closes[i, back]
                                break
                if wants_lines:
                    line[t:ahead] = cash
                while day < len(days) and days[day] < ahead:
                    day_ends[day] = cash
                    day += 1
                t = ahead
                if t == total:
                    break
        elif many == 1 and waiting == 0:
            if wants_lines:
                ahead, day = _hold_still(
                    t, cash, held, times, first_closes, first_highs, first_lows, rules, first_out, divisors[0], line, days,
                    day_ends, day, extremes, depth,
                )  # fmt: skip
            else:
                while leaving < exits.shape[0] and exits[leaving] < t:
                    leaving += 1
                wanted = exits[leaving] if leaving < exits.shape[0] else total
                has_prices = held[0, STOP] >= 0 or held[0, TRAIL] >= 0 or held[0, TARGET] >= 0
                ahead, day = _wait_still(
                    t, cash, held, times, first_closes, first_highs, first_lows, has_prices, rules, wanted, divisors[0], days,
                    day_ends, day, extremes, depth, flags,
                )  # fmt: skip
            if ahead > t:
                held_slices += ahead - t
                marks[0] = closes[0, ahead - 1]
                t = ahead
        ts = times[t]
        if ts // 86_400_000 != today:
            today, trades_today = ts // 86_400_000, 0
        if count + 2 * many > records.shape[0] and not wants_lines:
            _add_up(records, count, paid_in, sums, flags)
            records[:count] = 0
            count = 0
        if count + 2 * many > records.shape[0]:
            more = np.zeros((2 * records.shape[0] + 2 * many, COLUMNS), np.int64)
            more[:count] = kept[:count]
            kept = more
            records = borrowed(kept)
        if waiting or holding:
            for i in range(many):
                if closes[i, t] == 0:
                    continue
                spot = _spot(
                    i, t, bars, volumes, reserves, liquidities, divisors, volume_divisors, seeds, marks, rules.native, False, ranges
                )
                if pending[i, WAY] != UNSET:
                    side = pending[i, WAY]
                    reference = max(marks[i], 0)
                    if reference == 0:
                        reference = spot.open
                    cash, done = _fill(
                        side, spot.open, reference, i, t, spot, pending, held, left, stopped, cash, rules, records, count, flags
                    )
                    count += 1 if done else 0
                    if pending[i, WAY] == UNSET:
                        waiting -= 1
                    if done == 1:
                        trades_today += 1
                        holding += 1 if side == BUY else -1
                if held[i, HELD] > 0:
                    if pending[i, WAY] == UNSET:
                        reason, at, unclear = _forced(i, spot, held)
                        if reason != UNSET:
                            pending[i, WAY], pending[i, AMOUNT], pending[i, SINCE] = SELL, held[i, HELD], ts
                            pending[i, WHY], pending[i, TRIES], pending[i, ORDER] = reason, 0, number
                            number += 1
                            ambiguous += unclear
                            cash, done = _fill(
                                SELL, at, at, i, t, spot, pending, held, left, stopped, cash, rules, records, count, flags
                            )
                            count += 1 if done else 0
                            if pending[i, WAY] != UNSET:
                                waiting += 1
                            if done == 1:
                                trades_today += 1
                                holding -= 1
                    if held[i, HELD] > 0 and held[i, TRAIL] >= 0 and highs[i, t] > held[i, HIGH]:
                        held[i, HIGH] = highs[i, t]
                        held[i, TRAIL] = half_even(held[i, HIGH], HUNDRED - rules.trail, HUNDRED, flags)
                if flags[0]:
                    return Outcome(
                        kept[:count], whole_line, whole_ends, np.array([0, 0, 0, 0, memory[0]]), memory[3:16].copy(), falls[0]
                    )
        equity = cash
        for i in range(many):
            if closes[i, t]:
                marks[i] = closes[i, t]
            if held[i, HELD] > 0:
                equity += half_even(held[i, HELD], marks[i], divisors[i], flags)
        if equity > MOST_CASH:
            flags[0] = 1
        held_slices += 1 if holding else 0
        _look_down(equity, extremes, depth)
        if wants_lines:
            line[t] = equity
        if day < len(days) and days[day] == t:
            day_ends[day] = equity
            day += 1
        final = t == total - 1
        for i in range(many):
            if closes[i, t] == 0:
                continue
            if held[i, HELD] > 0:
                too_long = rules.hold >= 0 and ts + rules.length - held[i, ENTERED] >= rules.hold
                if (out[i, t] or too_long) and pending[i, WAY] == UNSET and not final:
                    pending[i, WAY], pending[i, AMOUNT], pending[i, SINCE] = SELL, held[i, HELD], ts
                    pending[i, WHY], pending[i, TRIES] = EXIT_SIGNAL if out[i, t] else MAX_HOLD, 0
                    pending[i, ORDER] = number
                    number += 1
                    waiting += 1
            elif pending[i, WAY] == UNSET and may[i, t]:
                spot = _spot(
                    i, t, bars, volumes, reserves, liquidities, divisors, volume_divisors, seeds, marks, rules.native, True, False
                )
                share = portions[i, t] if has_shares else 0
                amount = _entry_amount(
                    i, equity, cash, share, spot, pending, held, left, stopped, marks, trades_today, divisors, rules, flags
                )
                if amount > 0:
                    pending[i, WAY], pending[i, AMOUNT], pending[i, SINCE] = BUY, amount, ts
                    pending[i, WHY], pending[i, TRIES], pending[i, ORDER] = ENTRY, 0, number
                    number += 1
                    waiting += 1
        t += 1
    if extremes[1] < extremes[0]:
        depth[0] = min(depth[0], _fall(extremes[1], extremes[0]))
    _add_up(records, 0 if wants_lines else count, paid_in, sums, flags)
    totals = np.array([cash, equity if holding else cash, held_slices, ambiguous, memory[0]])
    return Outcome(kept[:count], whole_line, whole_ends, totals, memory[3:16].copy(), falls[0])


# --- the plain run ----------------------------------------------------------------------------------------------------


def is_plain(rules: Rules, many: int) -> bool:
    """Return whether a run is in and out of one instrument by signals alone, at fixed shares of what it costs."""
    none = (
        rules.is_pool, rules.is_capped, rules.impact, rules.delay, rules.block, rules.failures, rules.sandwiches, rules.cooldown,
        rules.tax,
    )  # fmt: skip
    return (
        many == 1 and rules.sizing in (PERCENT, FIXED) and not any(none)
        and all(getattr(rules, name) == UNSET for name in UNLIMITED) and rules.half_spread + rules.slippage + rules.extra < WHOLE
    )  # fmt: skip


@inlined
def _worth(quantity, opened, price, divisor, rules, spends, flags):
    """Return the value of a fill and its fee, and add up what lies in its price."""
    notional = half_even(quantity, price, divisor, flags)
    if rules.half_spread or rules.slippage or rules.extra:
        before = half_even(quantity, opened, divisor, flags)
        spends[0] += half_even(before, rules.half_spread, WHOLE, flags)
        spends[1] += half_even(before, rules.slippage + rules.extra, WHOLE, flags)
    return notional, _fee(BUY, notional, rules, flags)


@compiled
def run_plain(market, traits, rules, entry_places, exit_places, day_places):
    """Do what `run_kernel` does where a run is plain and no lines are kept: go from signal to signal, with nothing in between.

    Parameters
    ----------
    market, traits, rules
        The bars, their instrument and the plan.
    entry_places, exit_places, day_places
        Where an entry passes every gate that depends on the data alone, where the strategy wants out, and the last slice of
        every UTC day.
    """
    entries, exits, days = borrowed(entry_places), borrowed(exit_places), borrowed(day_places)
    opens, closes = borrowed(market.open[0]), borrowed(market.close[0])
    total, divisor, many_days = closes.shape[0], traits.divisor[0], days.shape[0]
    memory = np.zeros(5, np.int64)
    flags, extremes, spends = borrowed(memory[0:1]), borrowed(memory[1:3]), borrowed(memory[3:5])
    whole_ends, falls = np.zeros(many_days, np.int64), np.zeros(1)
    day_ends, depth = borrowed(whole_ends), borrowed(falls)
    against = rules.half_spread + rules.slippage + rules.extra
    cash = equity = rules.cash
    extremes[0] = extremes[1] = cash
    fills, trips, wins, won, lost, best = 0, 0, 0, 0, 0, NEVER
    traded, fees, gas = 0, 0, 0
    t, day, entry, leaving, held_slices = 0, 0, 0, 0, 0
    while True:
        while entry < entries.shape[0] and entries[entry] < t:
            entry += 1
        decided = entries[entry] if entry < entries.shape[0] else total
        if decided >= total - 1:
            break
        while day < many_days and days[day] <= decided:
            day_ends[day] = cash
            day += 1
        t = decided + 1
        if cash <= 0 or cash < rules.smallest:
            continue
        wanted = rules.size if rules.sizing == FIXED else half_even(cash, rules.size, HUNDRED, flags)
        amount = min(max(wanted, 0), cash)
        if amount == 0:
            continue
        opened = opens[t]
        price = half_even(opened, WHOLE + against, WHOLE, flags) if against else opened
        quantity = floored(amount, divisor, price, flags)
        # Fees take less than half of the amount, so that nothing has to be reckoned to know that they are there.
        if not (4 * amount + rules.gas + 1_000 <= cash and 2 * rules.fee < WHOLE):
            quantity = _affordable_plain(quantity, cash, price, divisor, rules, flags)
        if quantity <= 0 or half_even(quantity, price, divisor, flags) == 0:
            continue
        cost, fee = _worth(quantity, opened, price, divisor, rules, spends, flags)
        cash -= cost + fee + rules.gas
        fills, traded, fees, gas = fills + 1, traded + cost, fees + fee, gas + rules.gas
        paid_in = fee + rules.gas
        begun = t
        while True:
            while leaving < exits.shape[0] and exits[leaving] < t:
                leaving += 1
            last = min(exits[leaving] if leaving < exits.shape[0] else total, total - 1)
            day = _mark_until(t, last + 1, cash, quantity, closes, divisor, days, day_ends, day, extremes, depth, flags)
            t = last + 1
            if t == total:
                break
            opened = opens[t]
            price = half_even(opened, WHOLE - against, WHOLE, flags) if against else opened
            if price <= 0:
                flags[0] = 1
                t = total
                break
            before, slipped = spends[0], spends[1]
            notional, fee = _worth(quantity, opened, price, divisor, rules, spends, flags)
            after = cash + notional - fee - rules.gas
            if after >= 0:
                cash = after
                result = notional - cost - fee - rules.gas - paid_in
                fills, traded, fees, gas = fills + 1, traded + notional, fees + fee, gas + rules.gas
                trips, wins, won = trips + 1, wins + np.int64(result > 0), won + max(result, 0)
                lost, best = lost + max(-result, 0), max(best, result)
                quantity = 0
                break
            # It is not sold: nothing of it happened.
            spends[0], spends[1] = before, slipped
        held_slices += t - begun
        equity = cash + (half_even(quantity, closes[total - 1], divisor, flags) if quantity else 0)
        if max(equity, won, lost, traded, gas) > MOST_CASH:
            flags[0] = 1
        if flags[0] or quantity:
            day = many_days
            break
        _look_down(cash, extremes, depth)
    while day < many_days:
        day_ends[day] = cash
        day += 1
    if extremes[1] < extremes[0]:
        depth[0] = min(depth[0], _fall(extremes[1], extremes[0]))
    totals = np.array([cash, equity, held_slices, 0, memory[0]])
    sums = np.array([fills, trips, wins, won, lost, best, traded, fees, gas, 0, memory[3], memory[4], 0])
    return Outcome(np.zeros((0, COLUMNS), np.int64), np.zeros(0, np.int64), whole_ends, totals, sums, falls[0])


@compiled
def _affordable_plain(wanted, cash, price, divisor, rules, flags):
    """Return what was wanted, or the most that cash covers, as `_affordable` does."""
    low, high = 0, max(wanted, 0)
    if _taken(high, price, divisor, rules, flags) <= cash:
        return high
    if _taken(0, price, divisor, rules, flags) > cash:
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        if _taken(middle, price, divisor, rules, flags) <= cash:
            low = middle
        else:
            high = middle
    return low


@inlined
def _taken(quantity, price, divisor, rules, flags):
    notional = half_even(quantity, price, divisor, flags)
    return notional + _fee(BUY, notional, rules, flags) + rules.gas


# --- getting ready ----------------------------------------------------------------------------------------------------

LOADING_SECONDS: Final = 3.0
"""How long whoever asks first waits: to load what was compiled earlier takes less, to compile it far more."""
_begun: list[float] = []
_first, _ready = threading.Lock(), threading.Event()


def is_ready(wait_seconds: float = LOADING_SECONDS) -> bool:
    """Tell whether the kernel can run; the first time ever it compiles beside whatever goes on, and `step()` serves meanwhile.

    Parameters
    ----------
    wait_seconds
        So long after it was asked for first; whoever asks later than that does not wait.
    """
    if _ready.is_set():
        return True
    with _first:
        if not _begun:
            _begun.append(time.monotonic())
            threading.Thread(target=_get_ready, name="kernel", daemon=True).start()
    return _ready.wait(max(_begun[0] + wait_seconds - time.monotonic(), 0))


def _get_ready() -> None:
    # The compiler gives the GIL away at every turn and waits to get it back: with the usual 5 ms it takes four times as long
    # beside one thread in `step()`, with this not twice.
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        _run_once()
    finally:
        sys.setswitchinterval(usual)
    _ready.set()


def _run_once() -> None:
    # First what takes a moment and `step()` has use for too; as indicators are, and as a strategy's own arrays are.
    crossing.crossings(frozen(np.zeros(2)), frozen(np.zeros(2)))
    crossing.crossings(np.zeros(2), np.zeros(2))
    crossing.owned(crossing.places(np.zeros(2, np.bool_)), frozen(np.zeros((1, 2), np.int64)), frozen(np.zeros(0, np.bool_)))
    crossing.ready.set()
    ones, flags = np.ones((1, 2), np.int64), np.zeros((1, 2), np.bool_)
    empty = np.zeros((0, 0), np.int64)
    market = Market(np.array([0, 1]), ones, ones, ones, ones, empty, empty, empty)
    traits = Traits(np.ones(1, np.int64), np.ones(1, np.int64), np.zeros(1, np.uint64))
    numbers = {name: 0.0 if name.startswith("cooldown") else 0 for name in Rules._fields}
    run_kernel(market, traits, Rules(**numbers), flags, flags, empty, np.array([1]), True)
    plain = {"sizing": PERCENT, **dict.fromkeys(UNLIMITED, UNSET)}
    run_kernel(market, traits, Rules(**{**numbers, **plain}), flags, flags, empty, np.array([1]), False)
