"""`Terms`: how a run is traded, what that costs, and how real it is to be; and how single options change them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import MODELS, CostModel, ExchangeCosts, PaperTradingConfig, PoolCosts
from workbench.domain.params import with_fields
from workbench.domain.presets import CUSTOM, MODES, with_preset
from workbench.errors import Invalid, UnknownField, unlisted

RULES: Final = tuple(name for name in StrategyConfiguration.__struct_fields__ if name not in ("name", "strategy", "parameters"))
REALISM: Final = PaperTradingConfig.__struct_fields__
COSTS: Final = tuple(dict.fromkeys(name for model in MODELS.values() for name in model.__struct_fields__))
OPTIONS: Final = ("trading_mode", "costs", *RULES, *COSTS, *REALISM)
"""The names of all options: `trading_mode` names a preset; `costs` the model, `"exchange"` or `"pool"`."""


class Terms(msgspec.Struct, frozen=True):
    """How a run is traded, what that costs, and which of the world's frictions are simulated."""

    configuration: StrategyConfiguration = StrategyConfiguration()
    costs: CostModel = ExchangeCosts()
    realism: PaperTradingConfig = PaperTradingConfig()

    def changed(self, options: Mapping[str, Any]) -> "Terms":
        """Return the terms with single options changed, checked again as when they were made.

        Raises
        ------
        UnknownField
            If an option is unknown; the sentence names the nearest.
        Invalid
            If a value is out of bounds, or an option belongs to the other cost model.

        Examples
        --------
        >>> Terms().changed({"size_pct": 20, "costs": "pool", "tolerance_pct": 2}).costs.tolerance_pct
        Decimal('2')
        """
        for name in options:
            if name not in OPTIONS:
                raise UnknownField("option", name, OPTIONS)
        costs = _named_model(options["costs"], self.costs) if "costs" in options else self.costs
        for name in options:
            if name in COSTS and name not in costs.__struct_fields__:
                other = next(kind for kind, model in MODELS.items() if name in model.__struct_fields__)
                raise Invalid(name, f"the cost model {other!r} with it, as costs={other!r} says", model_name(costs))
        mode = options.get("trading_mode", CUSTOM)
        if not isinstance(mode, str):
            raise Invalid("trading_mode", "one of " + ", ".join(MODES), mode)
        return Terms(
            with_fields(with_preset(self.configuration, mode), _only(options, RULES)),
            with_fields(costs, _only(options, COSTS)),
            with_fields(self.realism, _only(options, REALISM)),
        )

    def renamed(self, given: Mapping[str, Any]) -> "Terms":
        """Return the terms with options changed and, where they are given, another name, strategy and parameters.

        Raises
        ------
        NotFound, Invalid
            As for `changed`; or if the name or the strategy is no text, or the parameters are no mapping.
        """
        own = {name: given[name] for name in ("name", "strategy", "parameters") if given.get(name) is not None}
        for name, value in own.items():
            if not isinstance(value, Mapping if name == "parameters" else str):
                raise Invalid(name, "an object of names and numbers" if name == "parameters" else "a text", value)
        changed = self.changed({name: value for name, value in given.items() if name not in ("name", "strategy", "parameters")})
        if "strategy" in own and own["strategy"] != self.configuration.strategy:
            own.setdefault("parameters", {})
        return Terms(with_fields(changed.configuration, own), changed.costs, changed.realism)


def terms_of(configuration: Any, costs: Any, realism: Any, options: Mapping[str, Any]) -> Terms:
    """Return the terms that a caller means who gives whole parts, None for those that stay, and single options.

    Raises
    ------
    NotFound
        If an option or a cost model is unknown; the sentence names the nearest.
    Invalid
        If a part is something else than its class, or a value is out of bounds.

    Examples
    --------
    >>> terms_of(None, "pool", None, {"size_pct": 20}).configuration.size_pct
    Decimal('20')
    """
    for name, given, kind in (("configuration", configuration, StrategyConfiguration), ("realism", realism, PaperTradingConfig)):
        if given is not None and not isinstance(given, kind):
            raise Invalid(name, f"a {kind.__name__}, such as {kind.__name__}(); single fields are options of their own", given)
    base = Terms(configuration or StrategyConfiguration(), realism=realism or PaperTradingConfig())
    return base.changed(options if costs is None else {**options, "costs": costs})


def model_name(costs: CostModel) -> str:
    """Return the name of a cost model: `"exchange"` or `"pool"`."""
    return next(name for name, model in MODELS.items() if isinstance(costs, model))


def _named_model(name: Any, costs: CostModel) -> CostModel:
    if isinstance(name, (ExchangeCosts, PoolCosts)):
        return name
    if not isinstance(name, str):
        raise Invalid("costs", "'exchange', 'pool', or a cost model such as ExchangeCosts(fee_bps=10)", name)
    if name not in MODELS:
        raise unlisted("costs", name, MODELS)
    return costs if isinstance(costs, MODELS[name]) else MODELS[name]()


def _only(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}
