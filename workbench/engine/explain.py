"""The sentence of a thought, made from its gates and factors and nothing else."""

from collections.abc import Mapping

from workbench.domain.thoughts import Decision, Gate
from workbench.engine.strategy import Reading, SignalStrategy


def explain(
    decision: Decision, gates: tuple[Gate, ...], stopping: str, reading: Reading | None, confidence: float, execution: str = ""
) -> str:
    """Return why it was decided so, with the margin, in one sentence."""
    by_name = {gate.name: gate for gate in gates}
    rule = rule_state(reading)
    gate = by_name.get(stopping)
    match decision:
        case Decision.BUY:
            passed = f"confidence {confidence:.0f}, {len(gates)} of {len(gates)} gates passed"
            if execution.startswith("by "):
                return f"Buying {execution}: {rule}, {passed}."
            return f"Buying at the next open: {rule}, {passed}{'; ' if execution else ''}{execution}."
        case Decision.WAIT:
            return f"No entry: {rule}."
        case Decision.HOLD if gate is not None and gate.name == "program":
            return f"{_sentence(rule)}, but {blocked(gate)}."
        case Decision.SKIP if gate is not None:
            return f"{_sentence(rule)}, but {blocked(gate)}."
        case Decision.SELL if gate is not None and gate.name == "max_hold":
            return f"Selling at the next open: held {_n(gate.value)} h, the longest allowed is {_n(gate.threshold)} h."
        case Decision.SELL:
            return f"Selling at the next open: {rule}."
        case Decision.STOP_LOSS | Decision.TAKE_PROFIT | Decision.TRAILING_STOP if gate is not None:
            words = {
                Decision.STOP_LOSS: "fell to the stop loss",
                Decision.TAKE_PROFIT: "rose to the target",
                Decision.TRAILING_STOP: "fell to the trailing stop",
            }
            return f"Price {words[decision]} at {_n(gate.threshold)}; sold at {_n(gate.value)} before costs."
        case _:
            return f"Holding: {', '.join([rule, *_distances(by_name)])}." if by_name else "An order is under way."


def rule_state(reading: Reading | None) -> str:
    """Return what the strategy's rule looks like at a bar, in a clause."""
    if reading is None:
        return "there is no reading of this bar"
    factors = dict(zip(reading.names, reading.values, strict=True))
    if any(value is None for value in factors.values()):
        return f"{reading.bars_at_hand} bars are not enough for the factors, {reading.strategy.lookback} are needed"
    return _because(reading.strategy, factors)


def _because(strategy: SignalStrategy, factors: Mapping[str, float | None]) -> str:
    return strategy.because(factors)


def blocked(gate: Gate) -> str:
    """Return why a gate stopped an entry, with its margin, in a clause."""
    value, threshold = _n(gate.value), _n(gate.threshold)
    short = _n(abs(gate.margin or 0))
    match gate.name:
        case "warm_up":
            return f"only {value} of the {threshold} bars that the strategy looks back are at hand"
        case "running":
            return "the session makes no entries now"
        case "allowed_token":
            return "this token is not one of those that may be traded"
        case "program":
            return f"program run {value} is at work here"
        case "cadence":
            return f"entries are considered at every {value} bars only, and this is none of them"
        case "trend":
            return f"the trend does not agree: its faster mean lies {_n(100 * (gate.value or 0))} % from its slower one"
        case "volatility":
            return f"a bar's volatility is {_n(100 * (gate.value or 0))} %, and {_n(100 * (gate.threshold or 0))} % is allowed"
        case "liquidity":
            return f"the pool holds {value}, {short} less than the {threshold} that is asked"
        case "size":
            return f"the caps leave {value}, and the smallest trade is {threshold}"
        case "slippage":
            return f"its price would lie {value} bps from the market's, and {threshold} are allowed"
        case name if name.startswith("breaker_"):
            words = name.removeprefix("breaker_").replace("_", " ")
            return f"the {words} breaker has tripped at {value}, its limit is {threshold}"
        case "next_bar":
            return "the data end here and there is no next open to trade at"
        case "fresh_prices":
            return f"{value} bars are missing right before this one"
        case "confidence":
            return f"confidence {value} is {short} below the {threshold} that is asked"
        case "open_positions":
            return f"{value} positions are open and {threshold} are allowed"
        case "daily_trades":
            return f"{value} trades were made today and {threshold} are allowed"
        case "cooldown":
            return f"it was left {value} minutes ago and the cooldown is {threshold}"
        case "cash":
            return f"only {value} cash is free, {short} less than the smallest trade of {threshold}"
        case _:
            return f"{gate.name.replace('_', ' ')} is {value} and {threshold} is asked"


def _distances(gates: Mapping[str, Gate]) -> list[str]:
    words = {"stop_loss": "above the stop", "trailing_stop": "above the trail", "take_profit": "below the target"}
    told = []
    for name, word in words.items():
        gate = gates.get(name)
        if gate is not None and gate.value and gate.margin is not None:
            told.append(f"{100 * gate.margin / gate.value:.2f} % {word}")
    return told


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _n(value: float | None) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.6g}"
