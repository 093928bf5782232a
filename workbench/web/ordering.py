"""The form that places an order: its fields, what a person typed into them, what does not fit, and what will happen."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from workbench.domain.bars import UNITS, parse_timeframe
from workbench.domain.commands import PlaceOrder
from workbench.domain.instruments import Instrument
from workbench.domain.orders import Order, OrderType, Reason, Side, TimeInForce
from workbench.domain.sessions import Status
from workbench.engine.paths import trail_price
from workbench.errors import DoesNotFit, NotFound, Refused
from workbench.store import reads
from workbench.store.asked import waiting_commands
from workbench.store.prices import newest_prices
from workbench.store.rows import SessionRow
from workbench.web.api.orders import read_order
from workbench.web.bot import Input, Said, beside
from workbench.web.filters import moment, money, percent, plain_number, price, quantity
from workbench.web.page import COMMAND_KINDS, SESSION_KINDS, Asking, Block
from workbench.web.times import typed_utc
from workbench.web.zone import zone_key, zone_label

YES: Final = "yes"
PLACED: Final = Said("The order is placed before the next bar.")
TYPES: Final = {
    OrderType.MARKET: "Market", OrderType.LIMIT: "Limit", OrderType.STOP: "Stop", OrderType.STOP_LIMIT: "Stop-limit",
    OrderType.TRAILING_STOP: "Trailing stop", OrderType.TAKE_PROFIT: "Take-profit",
}  # fmt: skip
EXPIRIES: Final = {
    "gtc": "until cancelled", "15m": "for 15 minutes", "1h": "for an hour", "4h": "for 4 hours", "1d": "for a day",
    "1w": "for a week", "gtd": "until a time", "ioc": "at once, what there is", "fok": "at once, all or nothing",
}  # fmt: skip
"""How long an order may live; a stretch of time is counted from when it is placed."""
_LENGTHS: Final = {
    "15m": 15 * UNITS["m"], "1h": UNITS["h"], "4h": 4 * UNITS["h"], "1d": UNITS["d"], "1w": 7 * UNITS["d"],
}  # fmt: skip
_FOR_TYPES: Final = {
    "limit_price": (OrderType.LIMIT, OrderType.STOP_LIMIT),
    "stop_price": (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT),
    "trail_percent": (OrderType.TRAILING_STOP,),
    "trail_amount": (OrderType.TRAILING_STOP,),
}  # fmt: skip
_FOR_SIDES: Final = {
    "amount_usd": Side.BUY, "quantity": Side.SELL, "stop_loss_price": Side.BUY, "take_profit_price": Side.BUY,
}  # fmt: skip
_NEEDED: Final = ("limit_price", "stop_price", "amount_usd", "quantity")
_LABELS: Final = {
    "amount_usd": ("Amount", "USDC", "What is spent, costs on top."),
    "quantity": ("Quantity", "", "How much of the token is sold."),
    "limit_price": ("Limit price", "USDC", "The worst price at which it trades, costs in the price included."),
    "stop_price": ("Stop price", "USDC", "The price that triggers it."),
    "trail_percent": ("Trail", "%", "How far it stays behind the best price, in percent."),
    "trail_amount": ("or trail", "USDC", "How far it stays behind the best price, in USDC."),
    "stop_loss_price": ("Stop loss", "USDC", "Sells what was bought once the price falls to this."),
    "take_profit_price": ("Take profit", "USDC", "Sells what was bought once the price rises to this."),
}  # fmt: skip
_SPEAKS_OF: Final = (
    ("stop loss", "stop_loss_price"), ("take profit above", "take_profit_price"), ("limit price", "limit_price"),
    ("stop price", "stop_price"), ("Expected a trail", "trail_percent"), ("trail_pct", "trail_percent"), ("expir", "expires_at"),
    ("amount", "amount_usd"), ("quantity", "quantity"), ("reduce", "reduce_only"), (" IOC", "time_in_force"),
    (" FOK", "time_in_force"), ("tokens that may be traded", "token_symbol"),
)  # fmt: skip
"""Words of the session's own refusals, and the field that they are about."""


class Choice(msgspec.Struct, frozen=True):
    """An answer that a field offers."""

    value: str
    label: str
    chosen: bool


class OrderField(msgspec.Struct, frozen=True):
    """A number of an order, and the types and sides that take it; all of them where empty."""

    input: Input
    types: str = ""
    sides: str = ""


class OrderForm(msgspec.Struct, frozen=True):
    """What can be asked for, and what is in the fields.

    Parameters
    ----------
    sizes, prices, exits
        The numbers: how much, at which prices, and what a buy brings with it.
    problems
        What is wrong with a field that is no number.
    summary
        What will happen, or what is in the way of it.
    """

    types: tuple[Choice, ...]
    sides: tuple[Choice, ...]
    sizes: tuple[OrderField, ...]
    prices: tuple[OrderField, ...]
    exits: tuple[OrderField, ...]
    expiries: tuple[Choice, ...]
    expires: Input
    reduce_only: bool
    problems: dict[str, str]
    summary: str = ""

    @property
    def has_exits(self) -> bool:
        """Whether an exit is set, or something is wrong with one."""
        return any(field.input.value or field.input.problem for field in self.exits)


class FormView(msgspec.Struct, frozen=True):
    """The form, or None where there is nowhere to place an order."""

    session: SessionRow | None
    form: OrderForm | None
    said: Said | None = None
    whose: str = ""
    key: str = ""


class TokenAtHand(msgspec.Struct, frozen=True):
    """A token that can be traded: its newest price, how much of it can be sold, and whether it is the chosen one."""

    symbol: str
    price: Decimal | None
    decimals: int
    held: Decimal
    chosen: bool


class MarketView(msgspec.Struct, frozen=True):
    """The tokens with their prices, and the cash at hand."""

    tokens: tuple[TokenAtHand, ...]
    cash: Decimal
    can_choose: bool


def look_at_form(connection: Connection, asking: Asking) -> FormView:
    """Return the form as an address asks for it."""
    query = asking.query
    said = PLACED if query.said == "placed" and query.is_fresh(asking.now) else None
    return form_view(connection, asking, {}, said=said)


def look_at_placing(connection: Connection, asking: Asking) -> FormView:
    """Return what is to be said below the form: that an order is placed, as long as it is not."""
    going = reads.active_session(connection, asking.account)
    waiting = waiting_commands(connection, going.id) if going is not None else []
    coming = next((command for command in reversed(waiting) if isinstance(command, PlaceOrder)), None)
    if coming is None:
        return FormView(going, None, None, asking.query.whose)
    symbols = {token.instrument.key: token.instrument.symbol for token in newest_prices(connection)}
    return FormView(going, None, placing(coming, symbols.get(coming.instrument, coming.instrument)), asking.query.whose)


def placing(order: PlaceOrder, symbol: str) -> Said:
    """Return what is said of an order that was asked for, until it is placed."""
    return Said(f"{order_in_words(order, symbol)} is placed before the next bar.")


def form_view(
    connection: Connection,
    asking: Asking,
    values: Mapping[str, str],
    problem: Refused | None = None,
    said: Said | None = None,
    summary: str = "",
) -> FormView:
    """Return the form with what somebody put into it and what was wrong with that."""
    going, whose = reads.active_session(connection, asking.account), asking.query.whose
    if going is None or going.status is Status.STOPPING:
        return FormView(going, None, said, whose)
    wrong, sentence = _problem(problem, values)
    form = _form(values, wrong, sentence, summary)
    if problem is not None:
        labels = {name: label for name, (label, _, _) in _LABELS.items()}
        label = f"{labels[wrong]}: {sentence[:1].lower()}{sentence[1:]}" if wrong in labels else sentence
        said = Said(label, is_bad=True)
    return FormView(going, form, said, whose, asking.draw_key())


def _form(values: Mapping[str, str], wrong: str, sentence: str, summary: str) -> OrderForm:
    def own(name: str) -> OrderField:
        label, unit, help_ = _LABELS[name]
        problem = sentence if name == wrong else ""
        made = Input(name, label, help_, unit, "", "", "", values.get(name, ""), problem)
        types = " ".join(_FOR_TYPES[name]) if name in _FOR_TYPES else ""
        return OrderField(made, types, _FOR_SIDES.get(name, ""))

    def one_of(name: str, offered: Mapping[str, str], default: str) -> tuple[Choice, ...]:
        wanted = values.get(name, "")
        wanted = wanted if wanted in offered else default
        return tuple(Choice(value, label, value == wanted) for value, label in offered.items())

    told = sentence if wrong == "expires_at" else ""
    expires = Input("expires_at", "Expires", f"In {zone_key()}.", zone_label(), "", "", "", values.get("expires_at", ""), told)
    return OrderForm(
        types=one_of("order_type", {kind.value: label for kind, label in TYPES.items()}, OrderType.MARKET),
        sides=one_of("side", {"buy": "Buy", "sell": "Sell"}, "buy"),
        sizes=(own("amount_usd"), own("quantity")),
        prices=tuple(own(name) for name in _FOR_TYPES),
        exits=(own("stop_loss_price"), own("take_profit_price")),
        expiries=one_of("time_in_force", EXPIRIES, "gtc"),
        expires=expires,
        reduce_only=values.get("reduce_only") == YES,
        problems={wrong: sentence} if wrong else {},
        summary=summary,
    )


def _problem(problem: Refused | None, values: Mapping[str, str]) -> tuple[str, str]:
    """Return the form's name for the field that a refusal speaks of, and the sentence that stands beside it."""
    if problem is None:
        return "", ""
    sentence, field = beside(problem), problem.field or ""
    if field == "order":
        field = next((name for words, name in _SPEAKS_OF if words in sentence), "")
        if field == "trail_percent" and values.get("trail_amount"):
            field = "trail_amount"
    return field, sentence


def look_at_market(connection: Connection, asking: Asking) -> MarketView:
    """Return the tokens with their prices."""
    return market_view(connection, asking, "")


def market_view(connection: Connection, asking: Asking, wanted: str) -> MarketView:
    """Return the tokens with their prices, one of them chosen."""
    going = reads.active_session(connection, asking.account)
    book = reads.account_row(connection, asking.account).book
    prices = {token.instrument.symbol: token for token in newest_prices(connection)}
    symbols = tuple(prices) if going is None else going.symbols
    chosen = next((symbol for symbol in symbols if symbol.lower() == wanted.lower()), symbols[0] if symbols else "")
    known = {key.key: key.symbol for key in (token.instrument for token in prices.values())}
    free = {known.get(key, ""): book.free_quantity(key) for key in book.positions}
    tokens = tuple(
        TokenAtHand(
            symbol,
            prices[symbol].price if symbol in prices else None,
            prices[symbol].instrument.price_decimals if symbol in prices else 8,
            free.get(symbol, Decimal(0)),
            symbol == chosen,
        )
        for symbol in symbols
    )
    return MarketView(tokens, book.free_cash(), going is not None and going.status is not Status.STOPPING)


def read_form(values: Mapping[str, str], session: SessionRow, instruments: tuple[Instrument, ...], now: int) -> PlaceOrder:
    """Return the order that the form asks for.

    Raises
    ------
    NotFound
        If a token, a type or a side is none.
    Invalid
        If a value is no number, or out of bounds.
    DoesNotFit
        If a field is missing that the order needs, or filled in that it does not take.
    """
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    kinds, sides = [kind.value for kind in OrderType], [side.value for side in Side]
    kind, side = given.get("order_type", ""), given.get("side", "")
    if kind not in kinds:
        raise NotFound("order type", kind, kinds, field="order_type")
    if side not in sides:
        raise NotFound("side", side, sides, field="side")
    _refuse_what_does_not_belong(given, OrderType(kind), Side(side))
    body: dict[str, Any] = {name: given[name] for name in _LABELS if name in given}
    body |= {"order_type": kind, "side": side, "token_symbol": given.get("token_symbol", "")}
    body["reduce_only"] = given.get("reduce_only") == YES
    body |= _expiry(given, session, now)
    return read_order(body, instruments)


def _refuse_what_does_not_belong(given: Mapping[str, str], kind: OrderType, side: Side) -> None:
    called = TYPES[kind].lower()
    for name in (*_FOR_TYPES, *_FOR_SIDES):
        label = "trail" if name in ("trail_percent", "trail_amount") else _LABELS[name][0].lower()
        is_mine = kind in _FOR_TYPES[name] if name in _FOR_TYPES else side is _FOR_SIDES[name]
        owner = f"{called} order" if name in _FOR_TYPES else side
        if name in given and not is_mine:
            raise DoesNotFit(name, f"A {owner} takes no {label}; leave it empty.")
        if name in _NEEDED and is_mine and name not in given:
            article = "an" if label[0] in "aeiou" else "a"
            raise DoesNotFit(name, f"A {owner} needs {article} {label}.")
    if kind is OrderType.TRAILING_STOP and ("trail_percent" in given) == ("trail_amount" in given):
        raise DoesNotFit("trail_percent", "A trailing stop needs a trail, in percent or else in USDC.")
    if side is Side.BUY and "reduce_only" in given:
        raise DoesNotFit("reduce_only", "Only a sale reduces a position; untick it for a buy.")


def _expiry(given: Mapping[str, str], session: SessionRow, now: int) -> dict[str, str]:
    """Return how long an order lives, as its JSON says it."""
    wanted = given.get("time_in_force", "gtc")
    if wanted not in EXPIRIES:
        raise NotFound("time in force", wanted, tuple(EXPIRIES), field="time_in_force")
    if wanted == "gtd" and "expires_at" not in given:
        raise DoesNotFit("expires_at", "An order that lives until a time needs that time.")
    if wanted != "gtd" and "expires_at" in given:
        raise DoesNotFit("expires_at", "A time belongs to an order that lives until a time; leave it empty.")
    if wanted in _LENGTHS:
        # A replay has a clock of its own: its newest bar.
        is_replay = session.mode == "replay" and session.cursor is not None
        begin = (session.cursor or 0) + parse_timeframe(session.timeframe) if is_replay else now
        return {"time_in_force": "gtd", "expires_at": str(begin + _LENGTHS[wanted])}
    return {"time_in_force": wanted, **({"expires_at": typed_utc("expires_at", given["expires_at"])} if wanted == "gtd" else {})}


# --- in words ------------------------------------------------------------------------------------------------------------


def order_in_words(order: PlaceOrder, symbol: str) -> str:
    """Return what an order asks for in a few words, such as `Limit buy of 250.00 USDC in WETH`."""
    much = f"{money(order.amount)} USDC in {symbol}" if order.side is Side.BUY else f"{quantity(order.quantity)} {symbol}"
    return f"{TYPES[order.type]} {order.side} of {much}"


def summary_of(order: PlaceOrder, instrument: Instrument, now_at: Decimal | None) -> str:
    """Return what will happen, in one or two sentences.

    Parameters
    ----------
    now_at
        The token's newest price; None where it is not known.
    """
    symbol = instrument.symbol

    def at(value: Decimal | None) -> str:
        return price(value, instrument.price_decimals)

    def away(value: Decimal | None) -> str:
        if value is None or not now_at:
            return ""
        share = value / now_at - 1
        return f" ({percent(abs(share), 2)} {'above' if share > 0 else 'below'} the price)" if share else " (the price now)"

    is_buy = order.side is Side.BUY
    does, met = ("spends", "or less") if is_buy else ("sells", "or more")
    much = f"{money(order.amount)} USDC" if is_buy else f"{quantity(order.quantity)} {symbol}"
    expected = order.limit_price or order.stop_price or now_at
    about = ""
    if expected and is_buy and order.amount:
        about = f", about {quantity(order.amount / expected)} {symbol}"
    elif expected and order.quantity:
        about = f", about {money(order.quantity * expected)} USDC"
    deal = f"{does} {much}{about}"
    match order.type:
        case OrderType.MARKET:
            first = f"At the next bar's open it {deal}, costs on top."
        case OrderType.LIMIT:
            is_met = bool(now_at and order.limit_price and (now_at < order.limit_price if is_buy else now_at > order.limit_price))
            limit = f"at {at(order.limit_price)} {met}{away(order.limit_price)}"
            first = f"It {deal}, {limit}." + (" The price is there already: it trades at the next open." if is_met else "")
        case OrderType.STOP | OrderType.TAKE_PROFIT:
            rises = is_buy == (order.type is OrderType.STOP)
            first = f"Once {symbol} {'rises' if rises else 'falls'} to {at(order.stop_price)}{away(order.stop_price)}, it {deal}."
        case OrderType.STOP_LIMIT:
            first = (
                f"Once {symbol} {'rises' if is_buy else 'falls'} to {at(order.stop_price)}{away(order.stop_price)}, "
                f"it rests until it {does} {much} at {at(order.limit_price)} {met}."
            )
        case _:
            trail = f"{plain_number(order.trail_pct)} %" if order.trail_pct is not None else f"{at(order.trail_amount)} USDC"
            best, turns = ("lowest", "rises") if is_buy else ("highest", "falls")
            draft = Order(0, instrument.key, order.side, order.type, Reason.MANUAL, 0)
            draft = replace(draft, trail_pct=order.trail_pct, trail_amount=order.trail_amount)
            begins = f"; from now that is {at(trail_price(draft, now_at, instrument.price_decimals))}" if now_at else ""
            first = f"It follows the {best} price of {symbol} and {does} {much} once that {turns} {trail} from there{begins}."
    return " ".join(filter(None, (first, _exits_in_words(order, instrument), _life_in_words(order))))


def _exits_in_words(order: PlaceOrder, instrument: Instrument) -> str:
    exits = [
        f"{label} at {price(value, instrument.price_decimals)}"
        for label, value in (("a stop loss", order.stop_loss), ("a take profit", order.take_profit))
        if value is not None
    ]
    return f"It brings {' and '.join(exits)}." if exits else ""


def _life_in_words(order: PlaceOrder) -> str:
    match order.time_in_force:
        case TimeInForce.GTD:
            return f"It lives until {moment(order.expires)}."
        case TimeInForce.IOC:
            return "What does not trade at the next open is gone."
        case TimeInForce.FOK:
            return "If not all of it trades at the next open, nothing does."
        case _:
            return "" if order.type is OrderType.MARKET else "It rests until it trades or is cancelled."


def missing(values: Mapping[str, str]) -> bool:
    """Return whether nothing was said yet of how much is to be traded."""
    return not (values.get("amount_usd", "").strip() or values.get("quantity", "").strip())


FORM: Final = Block("form", SESSION_KINDS, look_at_form)
PLACING: Final = Block("placing", COMMAND_KINDS, look_at_placing, field="form")
"""The button, and what was said of it: that gives way once it has happened, while what is being typed stays."""
