"""Trading modes as presets, and what differs between two configurations."""

import pytest

from workbench.domain.config import DEFAULT_CONFIGURATION, StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.presets import CUSTOM, PRESETS, changes_between, mode_of, with_preset
from workbench.domain.terms import Terms
from workbench.errors import Invalid


@pytest.mark.parametrize("mode", PRESETS)
def test_a_preset_makes_its_mode_and_one_other_value_makes_it_custom(mode):
    preset = with_preset(DEFAULT_CONFIGURATION, mode.lower())
    assert mode_of(preset) == mode
    assert Terms().changed({"trading_mode": mode}).configuration.intel_level == preset.intel_level
    assert mode_of(Terms().changed({"trading_mode": mode, "max_positions": 7}).configuration) == CUSTOM
    assert (preset.strategy, preset.parameters) == (DEFAULT_CONFIGURATION.strategy, DEFAULT_CONFIGURATION.parameters)


def test_the_modes_dare_more_one_after_the_other():
    careful, middling, bold = (PRESETS[mode] for mode in ("CONSERVATIVE", "MODERATE", "AGGRESSIVE"))
    for lower, higher in ((careful, middling), (middling, bold)):
        assert set(lower) == set(higher)
        assert all(higher[name] >= lower[name] for name in lower if name != "cooldown_minutes")


def test_the_difference_reads_as_sentences():
    before = StrategyConfiguration(parameters={"fast": 5}, blocked_tokens="AERO")
    after = StrategyConfiguration(parameters={"fast": 9}, stop_loss_pct="2.5", sizing="kelly")
    assert [str(change) for change in changes_between(before, after)] == [
        "Parameters: fast 5 → fast 9", "Sizing: percent → kelly", "Stop loss: none → 2.5 %", "Blocked tokens: AERO → none",
    ]  # fmt: skip
    assert [str(change) for change in changes_between(PaperTradingConfig(), PaperTradingConfig(simulate_mev=False))] == [
        "Simulate MEV: on → off"
    ]
    assert changes_between(before, before) == ()


def test_an_unknown_mode_is_told_the_nearest():
    with pytest.raises(Invalid, match="Did you mean 'MODERATE'"):
        with_preset(DEFAULT_CONFIGURATION, "MODERAT")
