"""Thoughts made ready to be shown: gates with their labels and units, factors with their bars."""

from collections.abc import Sequence
from typing import Final

import msgspec

from workbench.store.rows import ThoughtRow
from workbench.strategies import shelf

LABELS: Final = {
    "signal": "Signal", "warm_up": "Warm-up", "running": "Not paused", "next_bar": "Next bar to trade at",
    "fresh_prices": "Missing bars", "confidence": "Confidence", "open_positions": "Open positions",
    "daily_trades": "Trades today", "cooldown": "Cooldown", "cash": "Free cash", "exit_signal": "Exit signal",
    "stop_loss": "Stop loss", "trailing_stop": "Trailing stop", "take_profit": "Take profit", "max_hold": "Longest hold",
}  # fmt: skip
GATES: Final = (
    *LABELS, "allowed_token", "liquidity", "cadence", "trend", "volatility", "size", "slippage", "program",
)  # fmt: skip
"""Gates that can be asked for by name; a breaker's has its own name, such as `breaker_drawdown`."""
_UNITS: Final = {"warm_up": "bars", "fresh_prices": "bars", "confidence": "%", "cooldown": "min", "cash": "USDC", "max_hold": "h"}
_YES_NO: Final = frozenset({"running", "next_bar"})


class GateLine(msgspec.Struct, frozen=True):
    """A gate as the tape shows it; `value` and the others are None where there is nothing to show."""

    label: str
    unit: str
    value: float | None
    threshold: float | None
    margin: float | None
    passed: bool
    is_yes_no: bool


class FactorLine(msgspec.Struct, frozen=True):
    """A factor; a signed one has a bar that diverges from the middle of 100."""

    label: str
    value: float | None
    is_signed: bool
    bar_from: float
    bar_width: float


class ThoughtLine(msgspec.Struct, frozen=True):
    """A thought, with its gates and factors ready to be shown."""

    row: ThoughtRow
    gates: tuple[GateLine, ...]
    factors: tuple[FactorLine, ...]
    passed: int


def thought_lines(rows: Sequence[ThoughtRow]) -> tuple[ThoughtLine, ...]:
    """Return thoughts with their gates and factors ready to be shown.

    A factor that is below zero anywhere among them is signed, and its bars have one scale.
    """
    largest: dict[str, float] = {}
    signed: set[str] = set()
    for row in rows:
        for name, value in row.factors.items():
            if value is not None:
                largest[name] = max(largest.get(name, 0.0), abs(value))
                if value < 0:
                    signed.add(name)
    return tuple(
        ThoughtLine(
            row,
            tuple(gate_line(row, place) for place in range(len(row.gates))),
            tuple(_factor(name, value, name in signed, largest.get(name, 0.0)) for name, value in row.factors.items()),
            sum(gate.passed for gate in row.gates),
        )
        for row in rows
    )


def gate_line(row: ThoughtRow, place: int) -> GateLine:
    """Return one of a thought's gates, ready to be shown."""
    gate = row.gates[place]
    unit = _UNITS.get(gate.name, "")
    if gate.name in ("signal", "exit_signal") and (strategy := shelf.find(row.strategy)) is not None:
        unit = strategy.edge_unit
    return GateLine(
        gate_label(gate.name), unit, gate.value, gate.threshold, gate.margin,
        gate.passed, gate.name in _YES_NO,
    )  # fmt: skip


def gate_label(name: str) -> str:
    """Return a gate's name as people read it.

    Examples
    --------
    >>> gate_label("cash"), gate_label("breaker_daily_loss")
    ('Free cash', 'Breaker daily loss')
    """
    return LABELS.get(name, name.replace("_", " ").capitalize())


def _factor(name: str, value: float | None, signed: bool, largest: float) -> FactorLine:
    label = name.replace("_", " ").removesuffix(" bps") + (", bps" if name.endswith("_bps") else "")
    width = 50 * abs(value) / largest if value is not None and largest else 0.0
    begin = 50 - width if value is not None and value < 0 else 50.0
    return FactorLine(label, value, signed, round(begin, 2), round(width, 2))
