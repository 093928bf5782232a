"""The `workbench` command."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

import workbench
from workbench.domain.config import DEFAULT_CONFIGURATION, DEFAULT_COSTS
from workbench.domain.params import param_fields, with_fields
from workbench.domain.terms import Terms
from workbench.errors import Invalid
from workbench.terminal import research as research_words
from workbench.terminal.accounts import account as account_words
from workbench.terminal.configurations import config as config_words
from workbench.terminal.options import (
    Words,
    account_of,
    bars_of,
    given_rules,
    home_option,
    read_settings,
    rule_options,
    strategy_options,
)

DEFAULT_PORT = 8000
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Words, context_settings=CONTEXT)
@click.version_option(workbench.__version__, prog_name="workbench")
def main() -> None:
    """Paper-trading research workbench: tune in a notebook, watch the same engine trade in the browser.

    No real money moves. Start with `workbench up`.
    """


main.add_command(account_words)
main.add_command(config_words)
for word in ("sweep", "sweeps", "run_requested", "walk_forward", "cross_validate", "monte_carlo", "check"):
    main.add_command(getattr(research_words, word))


@main.command()
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="Where to listen.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. Any but loopback wants a token in WORKBENCH_TOKEN, which everybody then has to bring.",
)
@click.option("--name", "names", multiple=True, help="Another name by which the server may be called, such as lab.example.")
@home_option
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def up(port: int, host: str, names: tuple[str, ...], home: str | None, no_browser: bool) -> None:
    """Start the web server and the worker; Ctrl-C ends both."""
    asked_to_end = _noted_signals()
    token = _token_for(host)
    _check_zone()
    listener = _listener(host, port)
    from workbench.desk import open_desk
    from workbench.web.security import LOOPBACK
    from workbench.web.serve import serve

    port = listener.getsockname()[1]
    known = LOOPBACK | {name.lower() for name in names} | ({host.lower()} if token else set())
    with open_desk(home) as desk, _worker(str(desk.settings.home), asked_to_end):
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{port}/paper-trading/"
        click.echo(f"Workbench {workbench.__version__} is at {address}  (Ctrl-C ends it)\nData: {desk.settings.home}")
        if not no_browser:
            threading.Timer(1.0, webbrowser.open, [address]).start()
        serve(desk, listener, asked_to_end, known, token)


def _check_zone() -> None:
    """Refuse to start where the environment asks for a time zone that there is not."""
    from workbench.settings import NoSuchZone, read_zone_name, zone_named

    try:
        zone_named(read_zone_name() or "UTC", "WORKBENCH_TIME_ZONE")
    except NoSuchZone as problem:
        raise click.ClickException(f"WORKBENCH_TIME_ZONE: {problem}") from None


def _token_for(host: str) -> str:
    """Return the token that everybody has to bring; none on loopback, where nobody is asked."""
    from ipaddress import ip_address

    from workbench.settings import read_token

    if host == "localhost":
        return ""
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        raise click.ClickException(f"--host: expected an address of this machine such as 0.0.0.0, found {host!r}.") from None
    token = read_token()
    if is_loopback:
        return ""
    if not token:
        raise click.ClickException(
            f"Listening on {host} lets other machines in, so there has to be a token: set WORKBENCH_TOKEN to at least 16 letters "
            "and digits, such as the output of: python -c 'import secrets; print(secrets.token_urlsafe(24))'"
        )
    from workbench.web.entry import Door

    Door(token)
    return token


def _noted_signals() -> threading.Event:
    """Note Ctrl-C and a request to end, instead of raising wherever the start happens to be.

    An interrupt that is raised in the middle of an import can be lost there, and leave its lock held for ever.
    """
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    return asked


def _listener(host: str, port: int) -> socket.socket:
    # Named as TCP, for only then is a small answer not held back for the acknowledgement of its head, some 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Whoever comes before the server is ready waits for it instead of being turned away.
        listener.listen(128)
    except OSError as problem:
        raise click.ClickException(
            f"Port {port} of {host} cannot be used ({problem.strerror}). Choose another: workbench up --port {port + 1}"
        ) from problem
    return listener


def _deaf_to_interrupts(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a process that hears of Ctrl-C only once it lets itself, instead of breaking off in the middle of an import."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has none, and no signal that reaches a whole group either
        return subprocess.Popen(command)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(command)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _worker(home: str, asked_to_end: threading.Event) -> Iterator[None]:
    """Keep a worker process going: it is started again if it dies, and ended with us."""
    ended, turn = threading.Event(), threading.Lock()
    command = [sys.executable, "-m", "workbench", "worker", "--home", home, "--parent", str(os.getpid())]
    process = [_deaf_to_interrupts(command)]

    def watch() -> None:
        while not ended.wait(0.5):
            # Ctrl-C reaches the worker too, and one that ended by it is not to come back behind our end.
            with turn:
                if process[0].poll() is not None and not ended.is_set() and not asked_to_end.is_set():
                    click.echo("The worker ended; starting it again.", err=True)
                    process[0] = _deaf_to_interrupts(command)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with turn:
            ended.set()
        if process[0].poll() is None:
            process[0].send_signal(signal.SIGINT)
            try:
                process[0].wait(timeout=8)
            except subprocess.TimeoutExpired:
                process[0].kill()


@main.command(hidden=True)
@home_option
@click.option("--parent", type=int, help="End when this process does.")
def worker(home: str | None, parent: int | None) -> None:
    """Run the worker alone; `workbench up` does it for you."""
    from workbench.desk import open_desk
    from workbench.jobs import work

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with open_desk(home) as desk:
        work(desk, parent)


@main.command()
@strategy_options
@click.option("--bars", "path", metavar="FILE", help="Candles as csv, csv.gz, parquet or feather; simulated where not given.")
@click.option("--count", default=5000, show_default=True, help="How many simulated bars.")
@click.option("--json", "as_json", is_flag=True, help="Print the statistics as JSON.")
@click.option("--bands", "in_bands", is_flag=True, help="Run under pessimistic, base and optimistic costs.")
@rule_options
def backtest(
    strategy: str | None,
    settings: tuple[str, ...],
    path: str | None,
    count: int,
    symbol: str | None,
    timeframe: str | None,
    cash: str,
    as_json: bool,
    in_bands: bool,
    seed: int,
    **options: Any,
) -> None:
    """Run a strategy over candles and print its figures.

    Without options there is no fee, spread, slippage or gas, and no exit but the strategy's own signal.
    """
    from workbench.analytics.report import stat_lines
    from workbench.research import backtest as research

    strategy = strategy or "sma_cross"
    chosen, parameters = _named(strategy, settings)
    bars = bars_of(path, symbol, timeframe, count)
    if in_bands:
        _print_bands(chosen, bars, as_json, cash=cash, seed=seed, **given_rules(options))
        return
    with _progress(as_json) as progress:
        result = research.backtest(chosen, bars, cash=cash, progress=progress, seed=seed, **given_rules(options))
    if as_json:
        about = {
            "strategy": strategy,
            "parameters": parameters,
            "symbol": bars.instrument.symbol,
            "timeframe": bars.timeframe,
        }
        click.echo(json.dumps({**result.stats, "digest": result.digest, **about}, indent=2))
        return
    click.echo(repr(bars)[10:-1] + "\n")
    for title, value, _ in stat_lines(result.stats):
        click.echo(f"{title:<18}{value:>16}")
    for run in result.runs:
        click.echo(f"Program {run.id} ({run.program}) {run.status.lower()}: {run.why}; {run.done} steps, {run.fills} fills")
    for sentence in result.findings:
        click.echo(f"! {sentence}")
    click.echo(f"\nLedger digest {result.digest}")


def _named(name: str, settings: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    """Return the strategy or the program that has a name, and its parameters."""
    from workbench import strategies
    from workbench.engine import programs
    from workbench.shelf import snake_case

    if snake_case(name) in programs.shelf.names():
        program = programs.make_program(name, read_settings(settings))
        return program, programs.parameters_of(program)
    strategy = strategies.make_strategy(name, read_settings(settings))
    return strategy, strategies.parameters_of(strategy)


def read_program(given: str) -> Any:
    """Return what `--program dca:WETH,amount=500` asks for.

    Raises
    ------
    Invalid
        If it is not written so.
    """
    from workbench.domain.sessions import ProgramRequest

    head, *settings = given.split(",")
    name, _, symbol = head.partition(":")
    return ProgramRequest(name.strip(), symbol.strip(), read_settings(tuple(settings)))


def _print_bands(strategy: Any, bars: Any, as_json: bool, **options: Any) -> None:
    from workbench.research.bands import bands

    told = bands(strategy, bars, **options)
    if as_json:
        click.echo(
            json.dumps({"bands": told.frame.to_dicts(), "breakeven_bps": told.breakeven_bps, "findings": told.findings}, indent=2)
        )
        return
    for row in told.frame.to_dicts():
        click.echo(f"{row['band']:<12}{row['final_equity']:>16,.2f}{row['total_return_pct']:>10.2f} %{row['trades']:>7} trades")
    dies = "1,000 or more" if told.breakeven_bps is None else f"{told.breakeven_bps:.1f}"
    click.echo(f"\nThe bands lie {told.spread_pct:.2f} % apart; the edge dies at {dies} basis points more a fill.")
    for sentence in told.findings:
        click.echo(f"! {sentence}")


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("bars", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@main.command()
@click.option(
    "--mode", type=click.Choice(["live", "replay"]), default="live", show_default=True, help="On the clock, or over a file."
)
@strategy_options
@click.option("--bars", "path", metavar="FILE", help="Candles to replay; imported as a dataset.")
@click.option(
    "--program",
    "programs",
    multiple=True,
    metavar="NAME[:TOKEN][,NAME=VALUE…]",
    help="A program to start with, such as dca:WETH,amount=500,intervals=5; repeatable.",
)
@click.option("--account", metavar="NAME", help="Trade this account, by its own configuration, instead of one of its own.")
@click.option("--tokens", help="In live mode, which tokens, separated by commas; all where not given.")
@click.option("--speed", default=0.0, show_default=True, help="In a replay, times faster than the clock; 0 as fast as it goes.")
@click.option("--minutes", type=float, help="How long; no limit without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@home_option
@rule_options
def run(
    mode: str,
    strategy: str | None,
    settings: tuple[str, ...],
    path: str | None,
    symbol: str | None,
    timeframe: str | None,
    cash: str,
    programs: tuple[str, ...],
    account: str | None,
    tokens: str | None,
    speed: float,
    minutes: float | None,
    as_json: bool,
    home: str | None,
    seed: int,
    **options: Any,
) -> None:
    """Trade one session here, without a browser, in an account of its own; Ctrl-C stops it."""
    from workbench.actions.import_dataset import import_dataset
    from workbench.desk import open_desk
    from workbench.domain.sessions import ProgramRequest, SessionRequest
    from workbench.engine.program import ProgramStrategy
    from workbench.sources.candle_file import read_bars
    from workbench.store import reads
    from workbench.strategies import name_of

    live = mode == "live"
    started = [read_program(given) for given in programs]
    if not live and path is None:
        raise Invalid("--bars", "a file with candles, because a replay needs data", "nothing")
    if live and (path is not None or symbol is not None):
        found = "--bars" if path is not None else "--symbol"
        raise Invalid("--mode", f"replay with {found}; a live session trades the --tokens of the simulated market", "live")
    if not live and account is not None:
        raise Invalid("--account", "nothing, for a replay trades in an account of its own", account)
    with open_desk(home) as desk:
        base, whose = Terms(DEFAULT_CONFIGURATION, DEFAULT_COSTS) if live else Terms(), None
        if account is not None:
            whose = account_of(desk, account)
            with desk.store.read() as connection:
                base = reads.terms(connection, whose)
        terms = base.changed(given_rules(options))
        configuration = terms.configuration
        if strategy is not None or settings:
            chosen, parameters = _named(strategy or configuration.strategy, settings)
            if isinstance(chosen, ProgramStrategy):
                started.append(ProgramRequest(str(strategy), "", parameters))
                configuration = with_fields(configuration, {"strategy": "manual", "parameters": {}})
            else:
                configuration = with_fields(configuration, {"strategy": name_of(chosen), "parameters": parameters})
        dataset = ""
        if not live:
            series = read_bars(str(path), symbol, timeframe)
            dataset = import_dataset(desk, series, Path(str(path)).name).id
        wanted = tuple(name.strip() for name in (tokens or "").split(",") if name.strip())
        request = SessionRequest(
            mode="live" if live else "replay", dataset=dataset, symbols=wanted, timeframe=timeframe or "5s", speed=speed,
            runtime_minutes=minutes, configuration=configuration, costs=terms.costs, realism=terms.realism, seed=seed,
            programs=tuple(started),
        )  # fmt: skip
        _run_and_tell(desk, request, cash, whose, as_json)


def _run_and_tell(desk: Any, request: Any, cash: str, account: str | None, as_json: bool) -> None:
    from workbench.actions.run_session import run_session
    from workbench.actions.send_command import send_command
    from workbench.domain.commands import Stop
    from workbench.store.datasets import find_dataset

    total, missing = None, None
    if request.dataset:
        with desk.store.read() as connection:
            dataset = find_dataset(connection, request.dataset)
        total, missing = dataset.bars, dataset.missing
    interrupted = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        with _progress(as_json) as progress:

            def watch(row: Any) -> bool:
                if progress is not None:
                    progress(row.steps, total or row.steps)
                if interrupted.is_set() and row.is_active and row.status != "STOPPING":
                    send_command(desk, row.id, Stop("Ctrl-C"), by="command line")
                return True

            row = run_session(desk, request, cash, account, watch=watch)
    finally:
        signal.signal(signal.SIGINT, before)
    _summary(row, missing, as_json)


def _summary(row: Any, missing: int | None, as_json: bool) -> None:
    gain = row.result if row.result is not None else Decimal(0)
    facts = {
        "session": row.id, "status": row.status.value, "because": row.ended_because, "steps": row.steps,
        "missing_bars": "" if missing is None else missing, "fills": row.trades,
        "opening_equity": format(row.opening_equity or 0, "f"), "equity": format(row.equity or 0, "f"), "result": format(gain, "f"),
        "digest": row.ledger_digest, "error": row.error,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        for name, value in facts.items():
            if value != "":
                click.echo(f"{name.replace('_', ' ').capitalize():<16}{value}")
        click.echo(f"\nCheck it: workbench verify {row.id[:8]}")
    if row.error:
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("session")
@home_option
def verify(session: str, home: str | None) -> None:
    """Refold a SESSION (its id, or the beginning of it) from its recorded inputs and compare every event."""
    from workbench.actions.verify_session import verify_session
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        verdict = verify_session(desk, session)
    click.echo(str(verdict))
    if not verdict.identical:
        raise click.exceptions.Exit(1)


@main.command(name="import")
@click.argument("path", metavar="FILE")
@click.option("--symbol", help="What the file holds, such as BTC/USDT.")
@click.option("--timeframe", help="Length of a bar; found from the file where not given.")
@home_option
def import_(path: str, symbol: str | None, timeframe: str | None, home: str | None) -> None:
    """Import a candle FILE as a dataset and print its id."""
    from workbench.actions.import_dataset import import_dataset
    from workbench.desk import open_desk
    from workbench.sources.candle_file import read_bars

    series = read_bars(path, symbol, timeframe)
    with open_desk(home) as desk:
        row = import_dataset(desk, series, Path(path).name)
    click.echo(f"{row.id}\n{repr(series)[10:-1]} in {row.holes} holes")


@main.command()
@home_option
@click.option("--limit", default=20, show_default=True, help="How many.")
def sessions(home: str | None, limit: int) -> None:
    """List the sessions of this data folder, newest first."""
    from workbench.desk import open_desk
    from workbench.store import reads

    with open_desk(home) as desk, desk.store.read() as connection:
        rows = reads.sessions(connection, limit=limit)
    if not rows:
        click.echo("No session yet. Start one with `workbench up` or `workbench run`.")
    for row in rows:
        equity = "–" if row.equity is None else f"{row.equity:,.2f}"
        click.echo(
            f"{row.id[:8]}  {row.status.value:<10}{row.mode:<8}{row.configuration.strategy:<22}{row.trades:>6} trades {equity:>14}"
        )


@main.command()
def strategies() -> None:
    """List the strategies and the programs on their shelves, and their parameters."""
    from workbench.engine.programs import shelf as programs
    from workbench.strategies import shelf

    both: list[tuple[str, Any]] = [*shelf.offered().items(), *programs.offered().items()]
    for name, found in both:
        click.echo(f"{name}\n  {found.summary}")
        for field in param_fields(found):
            click.echo(f"    {field.name:<17}{field.default!s:<8}{field.expected}. {field.param.help}")
    for sentence in shelf.problems().values():
        click.echo(f"! {sentence}")
    click.echo(f"\nStrategies of your own: one class a file in {next(iter(shelf.folders()))}.")


@main.command()
@home_option
def rebuild(home: str | None) -> None:
    """Drop every table that is read from the event log and read it again."""
    from workbench.actions.rebuild_projections import rebuild_projections
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        click.echo(f"Rebuilt from {rebuild_projections(desk):,} events.")


if __name__ == "__main__":
    main(prog_name="workbench")
