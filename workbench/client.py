"""A small client of the JSON API: for programs that steer a workbench over HTTP, and for our own tests.

It unwraps the envelope, follows cursors, and turns an error of the API into an exception that carries its facts.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx

ROOT: Final = "/paper-trading/api/"
Json = dict[str, Any]


class ApiError(Exception):
    """The workbench refused, or could not do what it was asked.

    Attributes
    ----------
    status
        Of the HTTP answer.
    code, field
        The error's name, and the field that it is about, None where it is about none.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        self.status, self.code, self.field = status, code, field
        super().__init__(message)


class Client:
    """A workbench over HTTP.

    Parameters
    ----------
    address
        Where it listens, such as `"http://127.0.0.1:8000"`.
    token
        Where it listens beyond loopback, the token that it was started with.
    account
        Whose account is meant, by id or name; the default one where empty.
    http
        An httpx client to send with; one of its own where None.

    Examples
    --------
    >>> with Client("http://127.0.0.1:8000") as workbench:  # doctest: +SKIP
    ...     workbench.start(runtime_minutes=60)["status"]
    'STARTING'
    """

    def __init__(
        self, address: str = "http://127.0.0.1:8000", token: str = "", account: str = "", http: httpx.Client | None = None
    ) -> None:
        self._http = http or httpx.Client(base_url=address, timeout=30)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self.account = account

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    # --- the bot -----------------------------------------------------------------------------------------------------

    def start(self, *, idempotency_key: str = "", **options: Any) -> Any:
        """Start the bot; `options` are the fields of `bot/start/`."""
        return self.post("bot/start/", idempotency_key=idempotency_key, **options)

    def stop(self, reason: str = "asked to stop", close_positions: bool = False) -> Any:
        """Stop the bot."""
        return self.post("bot/stop/", reason=reason, close_positions=close_positions)

    def status(self) -> Any:
        """Return what the bot is doing."""
        return self.get("bot/status/")

    # --- what is held, and what it made ------------------------------------------------------------------------------

    def portfolio(self) -> Any:
        """Return the account's figures and its open positions."""
        return self.get("portfolio/")

    def performance(self) -> Any:
        """Return what the account has made over time."""
        return self.get("performance/")

    def price(self, symbol: str) -> Any:
        """Return the newest price of a token."""
        return self.get(f"prices/{symbol}/")

    def trades(self, **filters: Any) -> Iterator[Json]:
        """Yield trades, newest first, page by page."""
        return self.every("trades/", **filters)

    def positions(self, state: Literal["open", "history"] = "open") -> Iterator[Json]:
        """Yield the open positions, or the closed ones."""
        return self.every(f"positions/{state}/")

    def thoughts(self, **filters: Any) -> Iterator[Json]:
        """Yield recorded thoughts, newest first."""
        return self.every("ai-thoughts/", **filters)

    def why(self, token: str, time: str = "") -> Any:
        """Return the thought about a token that held at a time."""
        return self.get("ai-thoughts/why/", token=token, time=time)

    def sessions(self) -> Iterator[Json]:
        """Yield sessions, newest first."""
        return self.every("sessions/")

    def autopilot(self, **filters: Any) -> Iterator[Json]:
        """Yield what the autopilot changed, newest first."""
        return self.every("autopilot/", **filters)

    def trials(self, **filters: Any) -> Iterator[Json]:
        """Yield trials, newest first; those of one `study` in the order of `sort`, such as `"-sharpe_ratio"`."""
        return self.every("trials/", **filters)

    def equity(self, since: str = "", limit: int = 200) -> Iterator[Json]:
        """Yield points of the equity line, oldest first."""
        return iter(self.get("equity/", since=since, limit=limit)["items"])

    def accounts(self) -> Iterator[Json]:
        """Yield the accounts, newest first."""
        return iter(self.get("accounts/")["items"])

    def tasks(self) -> Iterator[Json]:
        """Yield what the worker was asked for, newest first, with its state."""
        return iter(self.get("tasks/")["items"])

    # --- configurations ----------------------------------------------------------------------------------------------

    def configuration(self) -> Any:
        """Return the configuration that the next session begins with."""
        return self.get("configuration/")

    def configurations(self) -> Any:
        """Return the configurations that are kept, by name."""
        return self.get("configurations/")

    def delete_configuration(self, name: str) -> Any:
        """Delete a configuration; the last one stays."""
        return self.delete(f"configurations/{quote(name, safe='')}/")

    # --- orders ------------------------------------------------------------------------------------------------------

    def orders(self, **filters: Any) -> Iterator[Json]:
        """Yield orders, newest first."""
        return self.every("orders/", **filters)

    def place(self, *, idempotency_key: str = "", **order: Any) -> Any:
        """Place an order; `order` are the fields of `orders/`.

        Parameters
        ----------
        idempotency_key
            Of the caller's own making: sent again with the same key, the order is placed once.

        Returns
        -------
        Any
            What was told of it: by its `command_id`, `command` and `orders(command=…)` find the order from the next bar on.
        """
        return self.post("orders/", idempotency_key=idempotency_key, **order)

    def command(self, command_id: int) -> Any:
        """Return what became of what was asked: its `status`, and the `order_id` or `strategy_id` that came of it."""
        return self.get(f"commands/{command_id}/")

    def cancel(self, order_id: int) -> Json:
        """Take an order back."""
        found: Json = self.post("orders/cancel/", order_id=order_id, account=None)["order"]
        return found

    # --- programs ----------------------------------------------------------------------------------------------------

    def strategies(self, **filters: Any) -> Iterator[Json]:
        """Yield program runs, newest first, those that ended too."""
        return self.every("strategies/", **filters)

    def active_strategies(self) -> Iterator[Json]:
        """Yield the program runs that go on, newest first."""
        return self.every("strategies/active/")

    def start_strategy(self, strategy_type: str, token: str, *, idempotency_key: str = "", **parameters: Any) -> Any:
        """Start a program in a token of the running session; by its `command_id`, `command` finds the run from the next bar on.

        Parameters
        ----------
        idempotency_key
            Of the caller's own making: sent again with the same key, the program is started once.
        parameters
            Of the program.
        """
        fields = {"strategy_type": strategy_type, "token": token, "parameters": parameters}
        return self.post("strategies/", idempotency_key=idempotency_key, **fields)

    # --- anything else -----------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Any:
        """Return what an address below `/paper-trading/api/` tells.

        Raises
        ------
        ApiError
            If it refuses.
        """
        asked = {name: value for name, value in {"account": self.account, **query}.items() if value not in (None, "")}
        return _told(self._http.get(ROOT + path, params=asked, headers=self._headers))

    def post(self, path: str, *, idempotency_key: str = "", **body: Any) -> Any:
        """Ask for something to be done, and return what was told of it.

        Parameters
        ----------
        idempotency_key
            Of the caller's own making: whatever is sent again with the same key is done once.

        Raises
        ------
        ApiError
            If it refuses.
        """
        account = {"account": self.account} if self.account else {}
        sent = {name: value for name, value in {**account, **body}.items() if value is not None}
        key = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return _told(self._http.post(ROOT + path, json=sent, headers={**self._headers, **key}))

    def delete(self, path: str) -> Any:
        """Ask for something to be deleted, and return what was told of it.

        Raises
        ------
        ApiError
            If it was refused.
        """
        account = {"account": self.account} if self.account else {}
        return _told(self._http.delete(ROOT + path, params=account, headers=self._headers))

    def every(self, path: str, **query: Any) -> Iterator[Json]:
        """Yield the items of a list, following its cursor to the end."""
        before = None
        while True:
            page = self.get(path, **{**query, **({"before": before} if before is not None else {})})
            # The programs at work are told with what they come to, and all at once.
            yield from page["items"] if "items" in page else page["strategies"]
            before = page.get("next")
            if before is None:
                return


def _told(answer: httpx.Response) -> Any:
    try:
        body = answer.json()
    except ValueError:
        raise ApiError(answer.status_code, "no_json", f"expected JSON, found {answer.text[:200]!r}") from None
    if not body.get("success"):
        error = body.get("error", {})
        raise ApiError(answer.status_code, error.get("code", "unknown"), error.get("message", "no message"), error.get("field"))
    return body["data"]
