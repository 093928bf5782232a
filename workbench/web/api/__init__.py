"""The JSON API under `/paper-trading/api/`: every module offers its handlers, and each answer has the same envelope."""

from litestar.handlers import HTTPRouteHandler

from workbench.web.api import (
    account,
    autopilot,
    bot,
    candles,
    commands,
    configuration,
    intel,
    markets,
    orders,
    performance,
    portfolio,
    sessions,
    strategies,
    sweeps,
    tasks,
    thoughts,
    trades,
    trials,
)  # fmt: skip

handlers: list[HTTPRouteHandler] = [
    *bot.handlers, *portfolio.handlers, *trades.handlers, *orders.handlers, *thoughts.handlers, *performance.handlers,
    *markets.handlers, *sessions.handlers, *configuration.handlers, *intel.handlers, *account.handlers, *strategies.handlers,
    *sweeps.handlers, *trials.handlers, *tasks.handlers, *candles.handlers, *autopilot.handlers, *commands.handlers,
]  # fmt: skip
