import json
import socket

import pytest
from click.testing import CliRunner

from tests.make import wandering
from workbench.__main__ import main


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))

    def run(*words):
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


@pytest.fixture
def candles(tmp_path):
    path = tmp_path / "candles.csv"
    wandering(900).frame.write_csv(path)
    return path


DIVIDING = """
from typing import Annotated

from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy


class Dividing(SignalStrategy, frozen=True):
    wait: Annotated[int, Param(1, 9, 1, "Wait", "Bars.", "bars")] = 1

    @property
    def lookback(self) -> int:
        return self.wait

    def signals(self, bars: Candles) -> Signals:
        return 1 / 0

    def because(self, factors):
        return "never"
"""
SMA = ("--strategy", "sma_cross", "--set", "fast=5", "--set", "slow=15", "--fee-bps", "10", "--size-pct", "10")


@pytest.mark.parametrize("words", [("--help",), ("up", "--help"), ("run", "--help"), ("backtest", "--help"), ("verify", "--help")])
def test_help_reads_well(call, words):
    shown = call(*words)
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bactest",), "Did you mean 'backtest'"),
        (("backtest", "--strategy", "sma_crss"), "Did you mean 'sma_cross'"),
        (("backtest", "--set", "fast"), "expected NAME=VALUE"),
        (("backtest", "--set", "fsat=3"), "Did you mean 'fast'"),
        (("backtest", "--set", "fast=3.5"), "fast: expected a whole number from 2 to 100, found '3.5'"),
        (("backtest", "--fee-bps", "lots"), "fee_bps: expected a number, found 'lots'"),
        (("backtest", "--fee_bps", "1"), "--fee-bps"),
        (("backtest", "--bars", "nowhere.csv", "--symbol", "X/Y"), "There is no file 'nowhere.csv'"),
        (("run", "--mode", "replay"), "a replay needs data"),
        (("run", "--mode", "live", "--bars", "x.csv"), "expected replay with --bars"),
        (("run", "--mode", "live", "--timeframe", "1d"), "expected at most 1h for a session on the simulated market"),
        (("sessions", "--home", "/proc/nope"), "home: expected a folder for the data that can be made and written"),
        (("verify", "ffff"), "There is no session 'ffff'"),
    ],
)
def test_a_wrong_word_gets_one_clear_sentence_and_exit_code_2(call, words, sentence):
    shown = call(*words)
    assert shown.exit_code == 2
    assert sentence in shown.output
    assert "Traceback" not in shown.output


def test_backtest_run_and_verify_agree_on_the_digest(call, candles):
    told = json.loads(call("backtest", *SMA, "--bars", candles, "--symbol", "BTC/USDT", "--timeframe", "1h", "--json").output)
    ran = call("run", "--mode", "replay", *SMA, "--bars", candles, "--symbol", "BTC/USDT", "--json")
    summary = json.loads(ran.output)
    assert ran.exit_code == 0
    assert summary["digest"] == told["digest"]
    assert float(summary["equity"]) == told["final_equity"]
    assert (summary["fills"], summary["missing_bars"]) == (told["fills"], told["missing_bars"])
    verified = call("verify", summary["session"][:8])
    assert verified.exit_code == 0
    assert verified.output.startswith("identical, ")
    assert summary["session"][:8] in call("sessions").output


def test_backtest_prints_figures_for_people(call, candles):
    shown = call("backtest", *SMA, "--bars", candles, "--symbol", "BTC/USDT")
    assert shown.exit_code == 0
    assert "Worst drawdown" in shown.output
    assert "Ledger digest" in shown.output


def test_a_file_is_imported_once_by_its_content(call, candles):
    first, second = (call("import", candles, "--symbol", "BTC/USDT") for _ in range(2))
    assert first.exit_code == 0
    assert first.output == second.output


def test_the_shelf_of_strategies_is_listed_with_its_parameters(call):
    shown = call("strategies").output
    assert "sma_cross" in shown
    assert "a whole number from 2 to 100" in shown


def test_rebuild_tells_how_many_events_it_read(call, candles):
    call("run", "--mode", "replay", *SMA, "--bars", candles, "--symbol", "BTC/USDT")
    assert call("rebuild").output.startswith("Rebuilt from ")


def test_a_port_that_is_taken_is_said_with_the_option_that_helps(call):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        shown = call("up", "--no-browser", "--port", taken.getsockname()[1])
    assert shown.exit_code == 1
    assert "--port" in shown.output


def test_accounts_are_opened_given_cash_reset_and_compared(call):
    assert call("account", "open", "Second", "--cash", "500").exit_code == 0
    assert "520.00 cash" in call("account", "deposit", "20", "--account", "Second").output
    assert "510.00 cash" in call("account", "withdraw", "10", "--account", "Second").output
    assert "Epoch 2 begins with 700.00." in call("account", "reset", "--cash", "700", "--account", "Second").output
    epochs = call("account", "epochs", "--account", "Second").output
    assert "goes on" in epochs
    assert "ended" in epochs
    listed = call("account", "list").output
    assert "Second" in listed
    assert "Paper account" in listed


def test_configurations_are_saved_used_compared_and_deleted(call):
    saved = call("config", "save", "Bold", "--trading-mode", "aggressive", "--enable-dca", "--set", "fast=5")
    assert "Bold is saved as version 1 and active." in saved.output
    assert "Enable DCA: off → on" in saved.output
    call("config", "save", "Bold", "--size-pct", "12")
    assert call("config", "compare", "Bold@1", "Bold@2").output == "Size: 10 % → 12 %\n"
    assert call("config", "compare", "Bold", "Bold@2").output == "Nothing differs.\n"
    assert "Bold, version 1, is active." in call("config", "use", "Bold@1").output
    assert "* Bold" in call("config", "list").output
    assert "Default is active" in call("config", "delete", "Bold").output


def test_a_program_is_run_by_its_name_and_beside_a_strategy(call, candles):
    alone = call("backtest", "--strategy", "dca", "--set", "amount=500", "--bars", candles, "--symbol", "BTC/USDT")
    assert "Program 1 (dca) completed: all 5 slices were traded; 5 steps, 5 fills" in alone.output
    replay = ("run", "--mode", "replay", "--bars", candles, "--symbol", "BTC/USDT", "--json")
    run = json.loads(call(*replay, "--strategy", "dca", "--set", "amount=500").output)
    assert run["digest"] in alone.output
    beside = json.loads(call(*replay, "--program", "dca,amount=500", "--set", "fast=5", "--set", "slow=15").output)
    assert beside["fills"] > 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("account", "deposit", "x"), "amount: expected a number, found 'x'"),
        (("account", "deposit", "5", "--account", "nobody"), "There is no account 'nobody'"),
        (("account", "opne", "A"), "Did you mean 'open'"),
        (("config", "use", "Bald"), "There is no configuration 'Bald'"),
        (("config", "use", "Default@7"), "There is no version of Default '7'"),
        (("config", "save", "X", "--fee-bps", "3"), "no option of costs, for they belong to a session"),
        (("config", "delete", "Default"), "'Default' is its last"),
        (("backtest", "--strategy", "grid", "--set", "lower=5", "--set", "upper=4"), "the range is empty by 1"),
        (("backtest", "--strategy", "twap", "--set", "amount=5"), "Expected at most 4 slices"),
        (("run", "--program", "dca,amount"), "expected NAME=VALUE"),
        (("run", "--program", "dac", "--minutes", "0.01"), "There is no program 'dac'. Did you mean 'dca'"),
        (("run", "--program", "dca:NOPE", "--minutes", "0.01"), "There is no token of this session 'NOPE'"),
        (("run", "--account", "nobody"), "There is no account 'nobody'"),
    ],
)
def test_a_wrong_word_about_accounts_configurations_or_programs_gets_one_clear_sentence(call, words, sentence):
    shown = call(*words)
    assert shown.exit_code == 2, shown.output
    assert sentence in shown.output
    assert "Traceback" not in shown.output


def test_a_sweep_is_left_to_the_worker_listed_and_cancelled(call, candles):
    assert "No sweep was asked for" in call("sweeps").output
    asked = json.loads(
        call(
            "sweep", "--try", "fast=3:7:2", "--set", "slow=20", "--bars", candles, "--symbol", "BTC/USDT", "--background", "--json"
        ).output
    )
    assert asked["status"] == "WAITING"
    assert asked["request"]["values"]["fast"] == [3, 5]
    assert asked["request"]["count"] == 900, "the file is a dataset now"
    assert "fast 2" in call("sweeps").output
    ran = call("run-sweep", asked["id"])
    assert ran.exit_code == 0, ran.output
    assert "2 trials, best fast=" in call("sweeps").output
    (row,) = json.loads(call("sweeps", "--json").output)
    assert (row["status"], row["done"], set(row["outcome"]["values"])) == ("FINISHED", 2, {"fast"})
    late = call("sweeps", "--cancel", asked["id"][:8])
    assert late.exit_code == 2
    assert "it is FINISHED" in late.output
    for words, said in (
        (["--background", "--executor", "tcp://a:1"], "without --executor"),
        (["--sampler", "tpe"], "--search beside"),
    ):
        refused = call("sweep", "--try", "fast=3:7:2", *words)
        assert refused.exit_code == 2
        assert said in refused.output
    other = call("sweep", "--search", 20, "--background")
    assert "waits for the worker" in other.output
    assert "is CANCELLED" in call("sweeps", "--cancel", other.output.split()[1]).output


def test_a_sweep_prints_its_best_rows_with_what_luck_makes_of_them(call, tmp_path):
    words = ["sweep", "--try", "fast=3:7:2", "--try", "stop_loss_pct=1,2.5", "--count", "900", "--home", str(tmp_path / "home")]
    told = call(*words, "--top", "2", "--by", "return_pct")
    assert told.exit_code == 0, told.output
    assert "4 trials of sma_cross" in told.output
    assert "dsr" in told.output
    read = json.loads(call(*words, "--json").output)
    assert len(read["rows"]) == 4
    assert read["trials_ever"] == 4, "the second time they were read, not run"
    assert {row["stop_loss_pct"] for row in read["rows"]} == {1.0, 2.5}


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("fast", "expected a name and values, such as 'fast=5:25'"),
        ("fast=a:b", "expected a range of whole numbers"),
        ("speed=1,2", "There is no parameter of sma_cross or option 'speed'"),
        ("fast=1,2", "fast: expected a whole number from 2 to 100"),
    ],
)
def test_an_axis_that_makes_no_sense_is_refused_in_a_sentence(call, axis, said):
    told = call("sweep", "--try", axis, "--count", "300", "--home", ":memory:")
    assert told.exit_code != 0
    assert said in told.output + str(told.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("walk-forward", "--try", "fast=3:7:2", "--try", "slow=20,40", "--folds", "2"), "walked forward over 2 rolling windows"),
        (("walk-forward", "--try", "fast=3,5", "--anchored", "--by", "calmar"), "walked forward over 5 anchored windows"),
        (("cross-validate", "--try", "fast=3:7:2", "--groups", "4"), "purged K-fold with 4 splits: one path"),
        (("cross-validate", "--try", "fast=3,5", "--groups", "4", "--tested", "2"), "6 splits: 3 paths out of sample"),
        (("monte-carlo", "--set", "slow=20", "--set", "fast=5"), "runs with the same round trips in another order"),
        (
            ("monte-carlo", "--set", "slow=20", "--set", "fast=5", "--kind", "bars", "--runs", "9"),
            "9 runs with the same bars drawn",
        ),
        (("monte-carlo", "--kind", "parameters", "--runs", "5"), "5 runs with parameters a little off"),
        (("monte-carlo", "--set", "slow=20", "--set", "fast=5", "--kind", "entries", "--runs", "9"), "9 draws of random entries"),
        (("sweep", "--search", "6", "--sampler", "nsga-ii"), "6 trials of sma_cross"),
    ],
)
def test_every_way_to_judge_a_strategy_has_its_word(call, words, said):
    common = ("--count", "2000", "--home", ":memory:")
    told = call(*words, *common)
    assert told.exit_code == 0, told.output
    assert said in told.output
    read = json.loads(call(*words, *common, "--json").output)
    assert read["rows"]
    assert isinstance(read["findings"], list)


@pytest.mark.parametrize("tries", ["fast=5,60", "fast=60,5"])
def test_what_is_set_need_not_go_with_every_value_that_is_tried(call, tries):
    told = call("sweep", "--set", "slow=20", "--try", tries, "--count", "1000", "--home", ":memory:")
    assert told.exit_code == 0, told.output
    assert "1 trials of sma_cross: best fast=5" in told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("walk-forward",), "There is nothing to try: expected at least one --try with several values, such as --try fast=5:25."),
        (("sweep",), "There is nothing to try: expected at least one --try with several values, such as --try fast=5:25."),
        (("cross-validate",), "There is nothing to try: expected at least one --try"),
        (("sweep", "--try", "fast=3,5", "--by", "nope"), "--by: expected one of fast, "),
        (("sweep", "--try", "fast=3,5", "--by", "nope"), "sharpe_out, ambiguous_bars, final_equity, psr, dsr"),
        (("walk-forward", "--try", "fast=3,5", "--by", "nope"), "--by: expected one of return_pct, sharpe, "),
        (("sweep", "--search", "100001"), "Invalid value for '--search': 100001 is not in the range 1<=x<=100000"),
        (("walk-forward", "--try", "fats=3,5"), "Did you mean 'fast'"),
        (("cross-validate", "--try", "fast=3,5", "--tested", "9"), "tested: expected a whole number from 1 to 5 of 6 groups"),
        (("monte-carlo", "--try", "fast=3,5"), "--try: expected single values"),
        (("sweep", "--try", "fast=3,5", "--executor", "nowhere"), "No Dask scheduler answers at 'nowhere'"),
        (("sweep", "--search", "5", "--try", "fsat=1,2"), "Did you mean 'fast'"),
        (("sweep", "--try", "seed=1,2"), "--try: expected a parameter, a rule or a cost; --seed takes one value"),
        (("walk-forward", "--try", "cash=5,10"), "--try: expected a parameter, a rule or a cost; --cash takes one value"),
        (("sweep", "--try", "bars=1,2"), "There is no parameter of sma_cross or option 'bars'"),
        (
            ("sweep", "--try", "fast=3,5", "--try", "fast=7,9"),
            "each name once, with all its values or with one, found fast a second",
        ),
        (("sweep", "--set", "fast=3", "--try", "fast=7,9"), "each name once, with all its values or with one, found fast a second"),
        (("sweep", "--fee-bps", "3", "--try", "fee_bps=7,9"), "found fee_bps a second time"),
        (
            ("sweep", "--set", "slow=30", "--set", "slow=40", "--try", "fast=3,5"),
            "--set: expected each name once, found slow a second",
        ),
        (("sweep", "--set", "solw=30", "--try", "fast=3,5"), "Did you mean 'slow'"),
        (("sweep", "--try", "fast=3,5", "--top", "-1"), "Invalid value for '--top': -1 is not in the range x>=1"),
        (("sweep", "--try", "fast=5:1000000000"), "at most 1,000,000 values to try, found 999,999,995 of them"),
        (("sweep", "--set", "slow=20", "--try", "fast=30,40"), "fast: expected fewer bars than slow, which is 20"),
    ],
)
def test_a_validation_that_cannot_be_is_refused_in_a_sentence(call, words, said):
    told = call(*words, "--count", "2000", "--home", ":memory:")
    assert told.exit_code == 2
    assert said in told.output
    assert "Traceback" not in told.output


def test_check_says_that_a_strategy_of_the_shelf_holds(call):
    told = call("check", "--strategy", "rsi_reversion", "--count", "600")
    assert (told.exit_code, "nothing changes at any of 600 bars" in told.output) == (0, True)


def test_a_strategy_of_ones_own_that_breaks_is_told_with_its_line_and_no_traceback(call, tmp_path):
    folder = tmp_path / "home" / "strategies"
    folder.mkdir(parents=True)
    (folder / "dividing.py").write_text(DIVIDING)
    line = DIVIDING.splitlines().index("        return 1 / 0") + 1
    for words in (("backtest",), ("check",), ("sweep", "--try", "wait=1,2")):
        told = call(*words, "--strategy", "dividing", "--count", "600")
        assert (told.exit_code, "Traceback" in told.output) == (2, False), told.output
        expected = f"Dividing broke in dividing.py, line {line}: expected what it says about its bars, found ZeroDivisionError"
        assert expected in told.output


def test_a_search_is_sorted_by_what_it_was_for(call):
    words = ("sweep", "--search", "8", "--try", "fast=3:20", "--count", "2000", "--home", ":memory:")
    read = json.loads(call(*words, "--json").output)
    assert read["best"] == read["rows"][0]
    before = [row["sharpe_in"] for row in read["rows"] if row["sharpe_in"] is not None]
    assert before == sorted(before, reverse=True)


def test_of_what_a_drawdown_of_monte_carlo_is_is_said(call):
    words = ("monte-carlo", "--set", "slow=20", "--set", "fast=5", "--runs", "9", "--count", "2000", "--home", ":memory:")
    assert "max_drawdown_pct is that of closed round trips" in call(*words).output
    assert "max_drawdown_pct is that of the account at every close" in call(*words, "--kind", "bars").output
    assert "closed round trips" in json.loads(call(*words, "--json").output)["max_drawdown_of"]


def test_bands_without_a_cost_say_that_they_are_one(call):
    said = "The three bands are one run, for no spread, slippage, gas or impact is assumed"
    assert said in call("backtest", "--bands", "--count", "600").output
    assert said not in call("backtest", "--bands", "--count", "600", "--slippage-bps", "5").output
