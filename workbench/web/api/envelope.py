"""The envelope of every answer, and the shapes inside it: amounts as strings, times in ISO-8601."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, get_args, overload

import msgspec
from litestar import Request, Response
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import KwargDefinition
from litestar.typing import FieldDefinition
from msgspec import UNSET

from workbench.domain.bars import as_datetime
from workbench.domain.names import is_shown
from workbench.errors import Invalid, Malformed, UnknownField, unlisted
from workbench.store.rows import Figures, PositionRow, RunRow, SessionRow, ThoughtRow, TradeRow
from workbench.web.api import shapes
from workbench.web.misread import Bare, kind_of
from workbench.web.page import ROOT, account_named

Json = dict[str, Any]
Data = TypeVar("Data")
Item = TypeVar("Item")
_API: Final = f"{ROOT}/api/"
_GIVEN: Final = frozenset({"request", "state"})
"""What a handler is given that no query says."""
_EVERYWHERE: Final = frozenset({"account"})
"""What a client says with every reading, also where nobody asks for it; what changes something has it in its body."""


class Told(Response[bytes], Generic[Data]):
    """An answer in its envelope; the document of the API has the schema of what it tells from the handler's annotation."""


def answer(data: Data) -> Told[Data]:
    """Return `{"success": true, "data": …, "timestamp": …}`."""
    body = {"success": True, "data": plain(data), "timestamp": timestamp()}
    return Told(msgspec.json.encode(body), media_type="application/json")


def timestamp() -> str:
    """Return the time of an answer in ISO-8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def plain(value: Any) -> Any:
    """Return a value as JSON carries it: a `Decimal` as its plain digits, a struct as its fields and, where it has one, its tag."""
    match value:
        case Decimal():
            return format(value, "f")
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case msgspec.Struct():
            kind = value.__struct_config__
            tag: Json = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
            found = {name: getattr(value, name) for name in value.__struct_fields__}
            return tag | {name: plain(item) for name, item in found.items() if item is not UNSET}
        case _:
            return value


def fields_of(shape: msgspec.Struct) -> Json:
    """Return the fields of a shape, for another that has them too."""
    return {name: value for name in shape.__struct_fields__ if (value := getattr(shape, name)) is not UNSET}


@overload
def iso(ts: int) -> str: ...
@overload
def iso(ts: int | None) -> str | None: ...
def iso(ts: int | None) -> str | None:
    """Return milliseconds as ISO-8601 in UTC."""
    return None if ts is None else as_datetime(ts).isoformat(timespec="milliseconds")


async def read_body(request: Request[Any, Any, State]) -> Json:
    """Return the JSON object in a request's body; an empty body is an empty object.

    Raises
    ------
    Malformed
        If it is not `application/json`, not JSON, or not an object.
    """
    raw = await request.body()
    kind = request.headers.get("content-type", "")
    if raw and not kind.partition(";")[0].strip().lower() == "application/json":
        raise Malformed("The request's body", "content-type application/json", kind or "none")
    return read_object(raw, "The request's body") if raw.strip() else {}


def read_object(raw: bytes | str, what: str) -> Json:
    """Return a JSON object from its text.

    Raises
    ------
    Malformed
        If it is not JSON, or not an object.
    """
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as problem:
        raise Malformed(what, "JSON", str(problem)) from problem
    except RecursionError as problem:
        raise Malformed(what, "JSON of a few levels", "hundreds of them, one in another") from problem
    if not isinstance(body, dict):
        raise Malformed(what, "a JSON object", str(kind_of(body)))
    return body


def know_fields(body: Json, names: tuple[str, ...]) -> None:
    """Refuse a body with a field that is not one of these.

    Raises
    ------
    UnknownField
        Naming the field, and the nearest one that there is.
    """
    for name in body:
        if name not in names:
            raise UnknownField("field", name, names)


async def know_query(request: Request[Any, Any, Any]) -> None:
    """Refuse a request of the API whose address has a name or a value that it does not know.

    It would tell more, or do something else, than was asked for. Values are compared in whatever case, and each name is said once.

    Raises
    ------
    NotFound
        If it names an account that there is not.
    UnknownField
        Naming a parameter that there is not, and the nearest one that there is.
    Invalid
        If a parameter is missing, is given twice, or has a value that is none of those it can have.
    """
    if request.method != "OPTIONS" and request.url.path.startswith(_API):
        every = request.route_handler.parsed_fn_signature.parameters
        names = [name for name in every if name not in _GIVEN]
        told = _EVERYWHERE if request.method == "GET" else ()
        for name in request.query_params:
            if name not in names and name not in told:
                raise UnknownField("parameter", name, names)
            said = request.query_params.getall(name)
            if len(said) > 1:
                raise Invalid(name, "one value", Bare(f"{len(said)} of them: " + ", ".join(map(repr, said))))
        owner = request.query_params.get("account", "")
        if owner and "account" not in names:
            # What is told is no account's own; but whoever names one that there is not meant another thing.
            await sync_to_thread(account_named, request.app.state.desk, owner)
        for name in names:
            given = request.query_params.get(name)
            if given is None and every[name].is_required and name not in request.path_params:
                raise Invalid(name, "a value", Bare("nothing"))
            known = values_of(every[name])
            if given and known and given.lower() not in [value.lower() for value in known]:
                raise unlisted(name, given, known)


def values_of(parameter: FieldDefinition) -> tuple[str, ...]:
    """Return the values that a parameter can have where it says so; none where it says nothing of the kind."""
    declared = parameter.kwarg_definition
    extra = (declared.schema_extra if isinstance(declared, KwargDefinition) else None) or {}
    return tuple(value for value in (get_args(parameter.annotation) if parameter.is_literal else extra.get("enum", ())) if value)


def text_of(body: Json, name: str, default: str = "") -> str:
    """Return a body's text, or the default where it is left out.

    Raises
    ------
    Invalid
        If it is something else, or has letters that cannot be shown.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Invalid(name, "a text", value)
    if not is_shown(value):
        raise Invalid(name, "a text without control characters", value)
    return value


def listed(items: Iterable[Item], following: int | None = None) -> shapes.Items[Item]:
    """Return a list as answers carry it; `next` is the cursor of the next page, or null."""
    return shapes.Items(items=tuple(items), next=following)


def session_shape(row: SessionRow, now: int) -> shapes.Session:
    """Return a session as the bot's status tells it."""
    ended = row.stopped if row.stopped is not None else now
    return shapes.Session(
        session_id=row.id,
        session_name=row.name,
        account_id=row.account,
        status=row.status.value,
        mode=row.mode,
        source=row.source,
        dataset=row.dataset or None,
        timeframe=row.timeframe,
        symbols=row.symbols,
        requested_at=iso(row.requested),
        started_at=iso(row.started),
        stopped_at=iso(row.stopped),
        runtime_seconds=0 if row.started is None else round((ended - row.started) / 1000, 3),
        runtime_minutes=row.runtime_minutes,
        steps=row.steps,
        trades_count=row.trades,
        opening_equity=row.opening_equity,
        equity=row.equity,
        ledger_digest=row.ledger_digest or None,
        ended_because=row.ended_because or None,
        error=row.error or None,
        config=row.configuration,
        costs=row.costs,
    )


def run_shape(row: RunRow) -> shapes.Run:
    """Return a program run; `progress_percent` and `total_orders` are null for one that has no end of its own."""
    run = row.run
    return shapes.Run(
        strategy_id=row.id,
        command_id=row.command,
        strategy_type=run.program,
        status=run.status.value,
        session_id=row.session,
        token_symbol=row.instrument.symbol,
        token_address=row.instrument.address,
        progress_percent=round(100 * run.done / run.steps, 2) if run.steps else None,
        total_orders=run.steps or None,
        completed_orders=run.done,
        failed_orders=run.failed,
        fills=run.fills,
        total_invested=run.spent,
        total_received=run.received,
        costs_paid=run.costs,
        quantity_held=run.held,
        current_price=row.price,
        current_pnl=row.result,
        current_roi=round(float(100 * row.result / run.spent), 4) if run.spent else None,
        average_entry=row.mean_price,
        started_at=iso(run.started),
        next_due_at=iso(run.due),
        completed_at=iso(run.ended),
        why=run.why or None,
        started_by_rule=run.by_rule,
        configuration=run.parameters,
    )


def position_shape(row: PositionRow) -> shapes.Position:
    """Return a position."""
    return shapes.Position(
        position_id=row.id,
        token_symbol=row.instrument.symbol,
        token_address=row.instrument.address,
        chain_id=row.instrument.chain_id,
        quantity=row.quantity,
        average_entry_price_usd=row.entry_price,
        current_price_usd=row.price,
        current_value_usd=row.value,
        total_invested_usd=row.cost,
        unrealized_pnl_usd=row.unrealised,
        realized_pnl_usd=row.realised,
        pnl_usd=row.result,
        pnl_percent=round(100 * row.result_share, 4),
        stop_price_usd=row.stop,
        target_price_usd=row.target,
        opened_at=iso(row.opened),
        closed_at=iso(row.closed),
        is_open=row.closed is None,
        session_id=row.session,
    )


def trade_shape(row: TradeRow) -> shapes.Trade:
    """Return a trade: one fill."""
    return shapes.Trade(
        trade_id=row.id,
        trade_type=row.side,
        token_symbol=row.instrument.symbol,
        token_address=row.instrument.address,
        chain_id=row.instrument.chain_id,
        quantity=row.quantity,
        price_usd=row.price,
        amount_usd=row.notional,
        fee_usd=row.fee,
        gas_usd=row.gas,
        spread_cost_usd=row.spread_cost,
        slippage_cost_usd=row.slippage_cost,
        impact_cost_usd=row.impact_cost,
        tax_usd=row.tax,
        realized_pnl_usd=row.result,
        cash_after_usd=row.cash,
        reason=row.reason,
        strategy_name=row.strategy,
        status="completed",
        executed_at=iso(row.ts),
        session_id=row.session,
    )


def thought_shape(row: ThoughtRow) -> shapes.Thought:
    """Return a thought with its gates and factors."""
    return shapes.Thought(
        thought_id=row.id,
        decision_type=row.decision.upper(),
        token_symbol=row.symbol,
        confidence_percent=row.confidence,
        primary_reasoning=row.reason,
        stopped_by=row.stopped_by or None,
        gates=row.gates,
        key_factors=row.factors,
        strategy_name=row.strategy,
        order_id=row.order,
        bar_time=iso(row.ts),
        session_id=row.session,
    )


def portfolio_shape(account: str, figures: Figures) -> shapes.Portfolio:
    """Return an account's figures as the portfolio tells them."""
    return shapes.Portfolio(
        account_id=account,
        cash_balance=figures.cash,
        positions_value=figures.invested,
        total_value=figures.value,
        total_pnl=figures.result,
        return_percent=round(100 * figures.result_share, 4),
        realized_pnl=figures.realised,
        unrealized_pnl=figures.unrealised,
        costs_paid=figures.costs,
        fees_paid=figures.fees,
        gas_paid=figures.gas,
        deposits=figures.deposits,
        withdrawals=figures.withdrawals,
        positions_count=figures.open_positions,
        winning_trades=figures.wins,
        losing_trades=figures.closed - figures.wins,
    )


def metrics_shape(figures: Figures) -> shapes.Metrics:
    """Return an account's figures as its metrics tell them."""
    return shapes.Metrics(
        portfolio_value=figures.value,
        cash_balance=figures.cash,
        total_pnl=figures.result,
        roi=round(100 * figures.result_share, 4),
        today_pnl=figures.today,
        total_trades=figures.trades,
        closed_trades=figures.closed,
        winning_trades=figures.wins,
        losing_trades=figures.closed - figures.wins,
        win_rate=None if figures.win_rate is None else round(figures.win_rate, 6),
        drawdown_percent=round(100 * figures.drawdown, 4),
        max_drawdown_percent=round(100 * figures.worst_drawdown, 4),
        costs_paid=figures.costs,
        fees_paid=figures.fees,
        gas_paid=figures.gas,
    )
