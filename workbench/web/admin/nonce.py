"""Nonces for scripts: put in where templates are read, so that nothing that data brings into a page ever gets one."""

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from jinja2 import BaseLoader, Environment, PackageLoader

_current: Final[ContextVar[str]] = ContextVar("nonce")
_BYTES: Final = 16
_ALLOWED: Final = re.compile(rb"'nonce-([\w-]+)'")
Answered = tuple[tuple[bytes, bytes], ...]
"""The headers of an answer."""
_SCRIPT: Final = re.compile(r"<script\b(?![^>]*\bnonce=)")
_HEADING: Final = re.compile(r"(</?)h[35]\b")
"""Cards and dialogs have headings right below the page's own."""


def fresh_nonce() -> str:
    """Return a nonce for one answer, and keep it for the templates that draw it."""
    made = secrets.token_urlsafe(_BYTES)
    _current.set(made)
    return made


def nonce() -> str:
    """Return the nonce of the answer that is being drawn."""
    return _current.get()


def with_own_nonce(headers: Answered, body: bytes) -> tuple[Answered, bytes]:
    """Return an answer that somebody else has got with another nonce in its place; as it is where it has none."""
    found = _ALLOWED.search(dict(headers).get(b"content-security-policy", b""))
    if found is None:
        return headers, body
    old, new = found[1], secrets.token_urlsafe(_BYTES).encode()
    return tuple((name, value.replace(old, new)) for name, value in headers), body.replace(old, new)


class Nonced(BaseLoader):
    """The templates of starlette-admin: each of their scripts with the nonce of the answer, headings without a level left out."""

    def __init__(self) -> None:
        self._package = PackageLoader("starlette_admin", "templates")

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return a template's text."""
        source, name, uptodate = self._package.get_source(environment, template)
        source = _HEADING.sub(r"\1h2", source)
        return _SCRIPT.sub('<script nonce="{{ nonce() }}"', source), name, uptodate

    def list_templates(self) -> list[str]:
        """Return the names of the templates."""
        return self._package.list_templates()
