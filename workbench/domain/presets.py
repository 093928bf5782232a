"""Trading modes, and what differs between two configurations.

A mode is a preset: a set of values for a configuration's rules. A configuration is of a mode as long as it has all of its
values; otherwise it is CUSTOM.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.params import param_fields, plain, spelled_out, with_fields
from workbench.errors import unlisted

CUSTOM: Final = "CUSTOM"
PRESETS: Final[dict[str, dict[str, Any]]] = {
    "CONSERVATIVE": {
        "intel_level": 3, "max_position_pct": Decimal(5), "max_exposure_pct": Decimal(25), "max_positions": 3,
        "max_daily_trades": 20, "stop_loss_pct": Decimal(3), "take_profit_pct": Decimal(6), "max_hold_hours": Decimal(48),
        "cooldown_minutes": Decimal(60), "max_slippage_pct": Decimal("0.5"), "daily_loss_pct": Decimal(2),
        "drawdown_pct": Decimal(8), "losing_streak": 3,
    },
    "MODERATE": {
        "intel_level": 5, "max_position_pct": Decimal(10), "max_exposure_pct": Decimal(50), "max_positions": 5,
        "max_daily_trades": 50, "stop_loss_pct": Decimal(5), "take_profit_pct": Decimal(10), "max_hold_hours": Decimal(72),
        "cooldown_minutes": Decimal(15), "max_slippage_pct": Decimal(1), "daily_loss_pct": Decimal(5),
        "drawdown_pct": Decimal(15), "losing_streak": 5,
    },
    "AGGRESSIVE": {
        "intel_level": 8, "max_position_pct": Decimal(20), "max_exposure_pct": Decimal(90), "max_positions": 10,
        "max_daily_trades": 200, "stop_loss_pct": Decimal(10), "take_profit_pct": Decimal(25), "max_hold_hours": Decimal(168),
        "cooldown_minutes": Decimal(0), "max_slippage_pct": Decimal(2), "daily_loss_pct": Decimal(10),
        "drawdown_pct": Decimal(30), "losing_streak": 10,
    },
}  # fmt: skip
MODES: Final = (*PRESETS, CUSTOM)


class Change(msgspec.Struct, frozen=True):
    """A field that differs: its name, the name a person sees, and its value before and after, in words."""

    field: str
    label: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.label}: {self.before} → {self.after}"


def with_preset(configuration: StrategyConfiguration, mode: str) -> StrategyConfiguration:
    """Return a configuration with the values of a trading mode; CUSTOM leaves it as it is.

    Raises
    ------
    Invalid
        If there is no such mode.

    Examples
    --------
    >>> with_preset(StrategyConfiguration(), "moderate").intel_level
    5
    """
    name = mode.upper()
    if name not in MODES:
        raise unlisted("trading_mode", mode, MODES)
    changed: StrategyConfiguration = with_fields(configuration, PRESETS.get(name, {}))
    return changed


def mode_of(configuration: StrategyConfiguration) -> str:
    """Return the trading mode whose values a configuration has, all of them; CUSTOM where there is none."""
    for mode, values in PRESETS.items():
        if all(getattr(configuration, name) == value for name, value in values.items()):
            return mode
    return CUSTOM


def changes_between(
    before: StrategyConfiguration | PaperTradingConfig, after: StrategyConfiguration | PaperTradingConfig
) -> tuple[Change, ...]:
    """Return what differs between two versions, field by field, in words.

    Examples
    --------
    >>> [str(c) for c in changes_between(StrategyConfiguration(), StrategyConfiguration(size_pct=20, stop_loss_pct=3))]
    ['Size: 10 % → 20 %', 'Stop loss: none → 3 %']
    """
    fields = {field.name: field for field in param_fields(type(after))}
    found = []
    for name in after.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            field = fields.get(name)
            label = field.label if field else spelled_out(name)
            unit = field.param.unit if field else ""
            found.append(Change(name, label, _in_words(old, unit), _in_words(new, unit)))
    return tuple(found)


def _in_words(value: Any, unit: str) -> str:
    match value:
        case None | ():
            return "none"
        case bool():
            return "on" if value else "off"
        case tuple():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{name} {plain(each)}" for name, each in value.items()) or "its defaults"
        case _:
            return f"{plain(value)} {unit}".strip()
