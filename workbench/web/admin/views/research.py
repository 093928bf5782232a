"""Research: sweeps, every trial that was ever run, and the datasets that were imported."""

from typing import Final

from sqlalchemy import Integer, literal_column

from workbench.desk import Desk
from workbench.domain.sweeps import SweepStatus
from workbench.store.browse import Reach, inside
from workbench.store.tables import datasets, sweep_runs, sweeps, trials
from workbench.store.trials import DONE, RUNNING
from workbench.web.admin import cells
from workbench.web.admin.finding import NAMES, NUMBERS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

_GROUP: Final = "Research"

SWEEPS: Final = Listing(
    "sweeps",
    "Sweeps",
    "Every sweep that was ever run, from a notebook, the command line or a page.",
    _GROUP,
    Reach(sweeps, literal_column("sweeps.rowid", Integer)),
    (
        Column("id", "Sweep", cells.code, filters=WORDS, searched=True),
        Column("family", "Strategy", filters=WORDS, sorts=True, searched=True),
        Column("market", "Market", filters=WORDS, sorts=True, searched=True),
        Column("status", "Status", cells.chip, filters=one_of((RUNNING, DONE)), sorts=True, searched=True),
        Column("trials", "Trials", cells.count, filters=NUMBERS, sorts=True),
        Column("overfitting", "Overfitted", cells.share, filters=NUMBERS, sorts=True),
        Column("began", "Began", cells.moment, filters=TIMES, sorts=True),
        Column("touched", "Touched", cells.moment, filters=TIMES, sorts=True),
        Column("best", "Best values", cells.json, in_list=False),
        Column("options", "Options", cells.json, in_list=False),
    ),
)

REQUESTED: Final = Listing(
    "sweepruns",
    "Requested sweeps",
    "Sweeps that were asked for in the browser or through the API, and how far each is.",
    _GROUP,
    Reach(sweep_runs, sweep_runs.c.number, is_large=True),
    (
        Column("number", "No.", cells.count, filters=NUMBERS, sorts=True),
        Column("id", "Id", cells.code, filters=WORDS, searched=True),
        Column(
            "strategy",
            "Strategy",
            of=lambda row: row.request.strategy,
            by=inside(sweep_runs.c.request, "strategy"),
            filters=WORDS,
            sorts=True,
            searched=True,
        ),
        Column("status", "Status", cells.chip, filters=one_of(tuple(SweepStatus)), sorts=True, searched=True),
        Column("done", "Done", cells.count, filters=NUMBERS, sorts=True),
        Column("total", "Of trials", cells.count, filters=NUMBERS, sorts=True),
        Column("problem", "Problem", filters=WORDS, searched=True),
        Column("requested", "Asked for", cells.moment, filters=TIMES, sorts=True),
        Column("ended", "Ended", cells.moment, filters=TIMES, sorts=True),
        Column("sweep", "Sweep", cells.code, filters=NAMES, sorts=True, searched=True),
        Column("request", "What was asked for", cells.json, in_list=False),
        Column("outcome", "What came of it", cells.json, in_list=False),
    ),
)

TRIALS: Final = Listing(
    "trials",
    "Trials",
    "Every trial that was ever run: how many there were is what the best of them has to be judged by.",
    _GROUP,
    Reach(trials, trials.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("family", "Strategy", filters=WORDS, sorts=True, searched=True),
        Column("market", "Market", filters=WORDS, sorts=True, searched=True),
        Column("values", "Values", filters=WORDS, searched=True),
        Column("sharpe", "Sharpe", cells.number, filters=NUMBERS, sorts=True),
        Column("return_pct", "Return", cells.result_share, lambda row: row.return_pct / 100, filters=NUMBERS, sorts=True),
        Column("trades", "Round trips", cells.count, filters=NUMBERS, sorts=True),
        Column("at", "Run", cells.moment, filters=TIMES, sorts=True),
        Column("sweep", "Sweep", cells.code, filters=NAMES, sorts=True, searched=True),
        Column("figures", "Figures", cells.json, in_list=False),
    ),
)

DATASETS: Final = Listing(
    "datasets",
    "Datasets",
    "Candle files that were imported, each under the hash of its content.",
    _GROUP,
    Reach(datasets, literal_column("datasets.rowid", Integer)),
    (
        Column("name", "Name", filters=WORDS, sorts=True, searched=True),
        Column("id", "Hash", cells.code, filters=WORDS, searched=True),
        Column(
            "symbol",
            "Token",
            of=lambda row: row.instrument.symbol,
            by=inside(datasets.c.instrument, "symbol"),
            filters=WORDS,
            sorts=True,
            searched=True,
        ),
        Column("timeframe", "Bars of", filters=NAMES, sorts=True, searched=True),
        Column("bars", "Bars", cells.count, filters=NUMBERS, sorts=True),
        Column("first", "First", cells.moment, filters=TIMES, sorts=True),
        Column("last", "Last", cells.moment, filters=TIMES, sorts=True),
        Column("holes", "Holes", cells.count, filters=NUMBERS, sorts=True),
        Column("missing", "Missing bars", cells.count, filters=NUMBERS, sorts=True),
        Column("imported", "Imported", cells.moment, filters=TIMES, sorts=True),
        Column("instrument", "Instrument", cells.json, in_list=False),
    ),
)


def views(desk: Desk) -> list[TableView]:
    """Return the views."""
    return [TableView(desk, listing) for listing in (SWEEPS, REQUESTED, TRIALS, DATASETS)]
