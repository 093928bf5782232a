"""What a trade costs: two cost models, how real the simulation is to be, and three bands around both.

A cost model says what a venue takes. `ExchangeCosts` is an order book seen from outside; `PoolCosts` is a constant-product
pool on a chain. Each carries its version in its tag, which is part of a session's fingerprint. `PaperTradingConfig` says how
much of the world's friction is simulated on top. Every field really changes what is charged; a test shows it field by field.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from workbench.domain.money import to_decimal
from workbench.domain.params import Param, check_fields, param_fields

Bps = Decimal


class ExchangeCosts(msgspec.Struct, frozen=True, tag_field="model", tag="exchange/1"):
    """An exchange: fees in cash on top, spread and slippage in the price.

    A market order, and whatever trades at once, pays the taker's fee, half the spread and the slippage. A limit order that
    rested pays the maker's fee and trades at its own price.
    """

    fee_bps: Annotated[Decimal, Param(0, 1000, 1, "Fee", "Of the traded value, on every fill that takes.", "bps")] = Decimal(0)
    half_spread_bps: Annotated[
        Decimal,
        Param(0, 1000, 1, "Half spread", "How far the price you get lies from the middle, on every fill that takes.", "bps"),
    ] = Decimal(0)
    slippage_bps: Annotated[
        Decimal, Param(0, 1000, 1, "Slippage", "How far the price runs away before the trade is done.", "bps")
    ] = Decimal(0)
    gas: Annotated[Decimal, Param(0, 10_000, 0.01, "Gas", "A fixed cost for every fill, in the quote currency.", decimals=8)] = (
        Decimal(0)
    )
    maker_fee_bps: (
        Annotated[Decimal, Param(0, 1000, 1, "Maker fee", "For an order that rested; the fee above where empty.", "bps")] | None
    ) = None
    volume_impact_bps: Annotated[
        Decimal,
        Param(
            0, 10_000, 10, "Volume impact", "What taking a whole bar's volume does to the price; a part of it does its part.", "bps"
        ),
    ] = Decimal(0)
    max_volume_pct: (
        Annotated[
            Decimal, Param(0.0001, 100, 1, "Most of a bar", "No more than this share of a bar's volume is filled in it.", "%")
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        check_fields(self)


class PoolCosts(msgspec.Struct, frozen=True, tag_field="model", tag="pool/1"):
    """A constant-product pool on a chain: x times y stays what it is, so size moves the price against itself.

    Buying for `A` out of a pool with `R` of the quote currency pays `1 + A / R` times the pool's price. `R` is half of the
    bar's liquidity (of `liquidity` where the bar has none) times `depth_multiplier`. Concentrated liquidity is what the
    multiplier stands for: an approximation, true as long as the price stays within the range that holds the liquidity.
    The fee tier is taken from what goes in when buying, and from what comes out when selling.
    """

    fee_bps: Annotated[Decimal, Param(0, 1000, 1, "Fee tier", "What the pool takes of every swap.", "bps")] = Decimal(5)
    liquidity: Annotated[
        Decimal, Param(1, 1e12, 1000, "Liquidity", "What the pool holds on both sides, where the bars do not say.", decimals=2)
    ] = Decimal(1_000_000)
    depth_multiplier: Annotated[
        Decimal, Param(0.01, 10_000, 1, "Depth", "How much deeper concentrated liquidity makes the pool.", "x")
    ] = Decimal(1)
    max_depth_pct: (
        Annotated[Decimal, Param(0.0001, 100, 1, "Most of the pool", "No more than this share of a side is swapped in a bar.", "%")]
        | None
    ) = None
    tolerance_pct: (
        Annotated[Decimal, Param(0, 100, 0.1, "Tolerance", "A swap whose price ran further is sent back; its gas is lost.", "%")]
        | None
    ) = Decimal(1)
    token_tax_bps: Annotated[Decimal, Param(0, 5000, 10, "Token tax", "What the token itself takes of every transfer.", "bps")] = (
        Decimal(0)
    )
    gas_units: Annotated[int, Param(0, 10_000_000, 1000, "Gas units", "That one swap burns.")] = 150_000
    gas_gwei: Annotated[
        Decimal, Param(0, 10_000, 0.01, "Gas price", "In billionths of the chain's currency.", "gwei", decimals=6)
    ] = Decimal("0.05")
    native_price: Annotated[
        Decimal, Param(0.01, 1e7, 1, "Chain currency", "Its price, where the session does not trade it itself.", decimals=2)
    ] = Decimal(3000)
    spike_chance_pct: Annotated[
        Decimal, Param(0, 100, 1, "Congestion", "How often the chain is congested, drawn bar by bar.", "%")
    ] = Decimal(0)
    spike_multiplier: Annotated[Decimal, Param(1, 1000, 1, "Congested gas", "How many times the gas then costs.", "x")] = Decimal(
        10
    )
    block_ms: Annotated[
        int, Param(0, 60_000, 100, "Block time", "A swap waits for the next block; how long, is drawn within it.", "ms")
    ] = 0

    def __post_init__(self) -> None:
        check_fields(self)


CostModel = ExchangeCosts | PoolCosts
MODELS: Final[dict[str, type[ExchangeCosts] | type[PoolCosts]]] = {"exchange": ExchangeCosts, "pool": PoolCosts}


class PaperTradingConfig(msgspec.Struct, frozen=True):
    """How real the simulation is: the frictions of a network that come on top of what a venue takes."""

    base_slippage_pct: Annotated[
        Decimal, Param(0, 50, 0.1, "Extra slippage", "On every fill that takes, on top of the cost model's.", "%")
    ] = Decimal(0)
    gas_price_multiplier: Annotated[Decimal, Param(0, 100, 0.1, "Gas multiplier", "On all gas.", "x")] = Decimal(1)
    execution_delay_ms: Annotated[
        int, Param(0, 600_000, 100, "Delay", "From the decision to the trade; the price runs against you meanwhile.", "ms")
    ] = 0
    simulate_network_issues: bool = True
    failure_rate_pct: Annotated[
        Decimal, Param(0, 100, 1, "Failure rate", "How often a trade fails; on a chain its gas is lost.", "%")
    ] = Decimal(0)
    simulate_mev: bool = True
    sandwich_pct: Annotated[
        Decimal, Param(0, 100, 1, "Sandwiched", "How often a swap gets the worst price that it tolerates.", "%")
    ] = Decimal(0)

    def __post_init__(self) -> None:
        check_fields(self)


Assumed = TypeVar("Assumed", bound=ExchangeCosts | PoolCosts | PaperTradingConfig)
Band = Literal["pessimistic", "base", "optimistic"]
BANDS: Final[tuple[Band, ...]] = ("pessimistic", "base", "optimistic")
_FACTORS: Final = {"pessimistic": Decimal(2), "base": Decimal(1), "optimistic": Decimal("0.5")}
_GROWING: Final = (
    "half_spread_bps", "slippage_bps", "gas", "volume_impact_bps", "gas_gwei", "spike_chance_pct", "block_ms", "base_slippage_pct",
    "execution_delay_ms", "failure_rate_pct", "sandwich_pct",
)  # fmt: skip
_SHRINKING: Final = ("depth_multiplier", "max_volume_pct", "max_depth_pct")


def banded(assumed: Assumed, band: Band) -> Assumed:
    """Return assumptions as they are in a band: what nobody knows for sure is doubled, or halved; fees and taxes are known.

    In the pessimistic band spread, slippage, impact, gas, delay, failures and sandwiches are twice what was assumed and
    depth is half of it; in the optimistic one it is the other way round. A resting order pays the taker's fee in the
    pessimistic band.

    Examples
    --------
    >>> banded(ExchangeCosts(fee_bps=10, slippage_bps=5), "pessimistic").slippage_bps
    Decimal('10')
    """
    factor = _FACTORS[band]
    changed: dict[str, Any] = {}
    kind: type[msgspec.Struct] = type(assumed)
    for field in param_fields(kind):
        value = getattr(assumed, field.name)
        if value is None or field.name not in (*_GROWING, *_SHRINKING):
            continue
        scaled = value * (factor if field.name in _GROWING else 1 / factor)
        within = min(max(scaled, to_decimal(field.param.low)), to_decimal(field.param.high))
        changed[field.name] = int(within) if field.type is int else within
    if band == "pessimistic" and isinstance(assumed, ExchangeCosts):
        changed["maker_fee_bps"] = max(assumed.fee_bps, assumed.maker_fee_bps or assumed.fee_bps)
    return type(assumed)(**{name: changed.get(name, getattr(assumed, name)) for name in assumed.__struct_fields__})


def in_words(costs: CostModel) -> str:
    """Return what a trade costs in a few words, as a form shows them.

    Examples
    --------
    >>> in_words(ExchangeCosts(fee_bps=10, half_spread_bps=2, slippage_bps=3))
    'exchange: fee 10, half spread 2, slippage 3 bps, gas 0'
    """
    if isinstance(costs, ExchangeCosts):
        in_bps = f"fee {costs.fee_bps}, half spread {costs.half_spread_bps}, slippage {costs.slippage_bps} bps"
        return f"exchange: {in_bps}, gas {costs.gas}"
    gas = costs.gas_units * costs.gas_gwei * costs.native_price / 10**9
    return f"pool: fee {costs.fee_bps} bps, impact by size, gas about {gas:.2f}"
