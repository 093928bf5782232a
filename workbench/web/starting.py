"""The form that starts a program in the running session; one declaration of a parameter makes its field."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, get_type_hints

import msgspec
from sqlalchemy import Connection

from workbench.domain.bars import parse_timeframe
from workbench.domain.commands import StartProgram
from workbench.domain.params import param_fields
from workbench.domain.sessions import ProgramRequest, Status
from workbench.engine.program import ProgramStrategy
from workbench.engine.programs import shelf
from workbench.errors import Invalid, NotFound, Refused
from workbench.store import reads
from workbench.store.asked import session_news
from workbench.store.rows import SessionRow
from workbench.web.bot import PREFIX, Input, Offer, Said, beside
from workbench.web.filters import plain_number
from workbench.web.page import COMMAND_KINDS, SESSION_KINDS, Asking, Block

YES: Final = "yes"
STARTED: Final = Said("The program starts before the next bar.")


class Flag(msgspec.Struct, frozen=True):
    """A parameter that is true or false."""

    name: str
    label: str
    is_set: bool
    problem: str = ""


class ProgramForm(msgspec.Struct, frozen=True):
    """What can be started, and what is in the fields."""

    offers: tuple[Offer, ...]
    chosen: Offer
    symbols: tuple[str, ...]
    symbol: str
    parameters: tuple[Input, ...]
    flags: tuple[Flag, ...]
    program_problem: str = ""
    symbol_problem: str = ""


class FormView(msgspec.Struct, frozen=True):
    """The form, or None where there is nowhere to start a program."""

    session: SessionRow | None
    form: ProgramForm | None
    said: Said | None = None
    whose: str = ""
    key: str = ""
    account: str = ""


def look_at_form(connection: Connection, asking: Asking) -> FormView:
    """Return the form as an address asks for it."""
    wanted = asking.query.program or shelf.names()[0]
    shelf.get(wanted, "program")
    view = form_view(connection, asking, {"program": wanted, "symbol": asking.query.symbol})
    if view.form is not None and asking.query.symbol and view.form.symbol.lower() != asking.query.symbol.lower():
        raise NotFound("token of this session", asking.query.symbol, view.form.symbols, field="symbol")
    if view.session is None or asking.query.said != "started":
        return view
    # What was said on the way here holds as long as it has not happened.
    return msgspec.structs.replace(view, said=STARTED if _is_coming(connection, view.session) else None)


def look_at_starting(connection: Connection, asking: Asking) -> FormView:
    """Return what is to be said below the form: that a program starts, as long as it has not."""
    going = reads.active_session(connection, asking.account)
    return FormView(going, None, STARTED if going is not None and _is_coming(connection, going) else None)


def _is_coming(connection: Connection, session: SessionRow) -> bool:
    """Return whether a program was asked for and has not begun."""
    return any(isinstance(command, StartProgram) for command in session_news(connection, session.id).waiting)


def form_view(
    connection: Connection, asking: Asking, values: Mapping[str, str], problem: Refused | None = None, said: Said | None = None
) -> FormView:
    """Return the form with what somebody put into it and what was wrong with that."""
    account, whose = asking.account, asking.query.whose
    going = reads.active_session(connection, account)
    if going is None or going.status is Status.STOPPING:
        return FormView(going, None, said, whose)
    wanted = values.get("program", "")
    program = shelf.get(wanted if wanted in shelf.names() else shelf.names()[0])
    symbol = _symbol(going, values.get("symbol", ""))
    suggested = _suggested(connection, account, going, program, symbol)
    form = _form(going, program, symbol, suggested, values, problem)
    return FormView(going, form, said, whose, asking.draw_key(), asking.query.account)


def _symbol(session: SessionRow, wanted: str) -> str:
    """Return the session's own spelling of a symbol, or its first one."""
    return next((symbol for symbol in session.symbols if symbol.lower() == wanted.lower()), session.symbols[0])


def _suggested(
    connection: Connection, account: str, session: SessionRow, program: type[ProgramStrategy], symbol: str
) -> dict[str, Any]:
    """Return parameters to begin with at the newest price; none before there is one."""
    prices = {quote.instrument.symbol: quote.price for quote in reads.quotes(connection, session.source, count=1)}
    if symbol not in prices:
        return {}
    cash = reads.account_row(connection, account).book.free_cash()
    return program.suggested(prices[symbol], cash, parse_timeframe(session.timeframe))


def _form(
    session: SessionRow,
    program: type[ProgramStrategy],
    symbol: str,
    suggested: Mapping[str, Any],
    values: Mapping[str, str],
    problem: Refused | None,
) -> ProgramForm:
    offers = tuple(Offer(name, shelf.get(name).title, shelf.get(name).summary) for name in shelf.names())
    wrong = _field_of(problem, program)

    def told(key: str) -> str:
        return beside(problem) if problem is not None and key == wrong else ""

    parameters = []
    for field in param_fields(program):
        key, p = PREFIX + field.name, field.param
        text = values.get(key, plain_number(suggested.get(field.name, field.default)))
        low, high, step = plain_number(p.low), plain_number(p.high), plain_number(p.step)
        parameters.append(Input(key, field.label, p.help, p.unit, low, high, step, text, told(key)))
    flags = tuple(
        Flag(
            PREFIX + name, name.replace("_", " ").capitalize(), values[key] == YES if (key := PREFIX + name) in values else default,
            told(key),
        )
        for name, default in flags_of(program).items()
    )  # fmt: skip
    chosen = next(offer for offer in offers if shelf.get(offer.name) is program)
    return ProgramForm(offers, chosen, session.symbols, symbol, tuple(parameters), flags, told("program"), told("symbol"))


def flags_of(program: type[ProgramStrategy]) -> dict[str, bool]:
    """Return a program's parameters that are true or false, with their defaults."""
    hints = get_type_hints(program)
    return {info.name: info.default for info in msgspec.structs.fields(program) if hints[info.name] is bool}


def _field_of(problem: Refused | None, program: type[ProgramStrategy]) -> str:
    """Return the form's name for the field that a refusal speaks of."""
    field = problem.field if problem is not None and problem.field else ""
    own = {*(found.name for found in param_fields(program)), *flags_of(program)}
    return PREFIX + field if field in own else field


def told(problem: Refused, form: ProgramForm | None) -> Said:
    """Return a refusal with the field's name as the form writes it."""
    fields: tuple[Input | Flag, ...] = (*form.parameters, *form.flags) if form is not None else ()
    wrong = next((field for field in fields if field.problem), None)
    if wrong is None:
        return Said(beside(problem) if problem.field in ("program", "symbol") else str(problem), is_bad=True)
    return Said(f"{wrong.label}: {wrong.problem[:1].lower()}{wrong.problem[1:]}", is_bad=True)


def read_form(values: Mapping[str, str]) -> ProgramRequest:
    """Return the program that the form asks for.

    Raises
    ------
    NotFound
        If there is no such program or parameter.
    Invalid
        If a value is missing or out of bounds.
    """
    name = values.get("program") or shelf.names()[0]
    program = shelf.get(name, "program")
    symbol = values.get("symbol", "")
    if not symbol:
        raise Invalid("symbol", "one of the session's tokens", symbol)
    own = {field.name: field for field in param_fields(program)}
    flags = flags_of(program)
    parameters: dict[str, bool | int | float | Decimal | None] = {}
    for key, value in values.items():
        found = key.removeprefix(PREFIX)
        if not key.startswith(PREFIX):
            continue
        if found in flags:
            parameters[found] = value == YES
        elif found in own:
            parameters[found] = own[found].check(value.strip())
        else:
            raise NotFound(f"parameter of {name}", found, (*own, *flags))
    return ProgramRequest(name, symbol, parameters)


FORM: Final = Block("form", SESSION_KINDS, look_at_form)
STARTING: Final = Block("starting", COMMAND_KINDS, look_at_starting, field="form")
"""The button, and what was said of it: that gives way once it has happened, while what is being typed stays."""
