"""The JSON API under `/paper-trading/api/`: every module offers its handlers, and each answer has the same envelope."""

from litestar.handlers import HTTPRouteHandler

from workbench.web.api import account, bot, configuration, data, strategies, sweeps

handlers: list[HTTPRouteHandler] = [
    *bot.handlers, *data.handlers, *configuration.handlers, *account.handlers, *strategies.handlers,
    *sweeps.handlers,
]  # fmt: skip
