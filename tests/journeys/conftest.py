"""Real processes: the server with its worker, the worker alone, and Debian's Chromium."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser import chromium


def until(found: Callable[[], object], seconds: float = 60.0) -> object:
    """Ask again and again until there is an answer; a minute without one is a failure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"nothing came of {found} in {seconds} s")


class Process:
    """A `workbench` command in a process of its own, ended after the test."""

    def __init__(self, *words: str, home: Path) -> None:
        environment = {**os.environ, "WORKBENCH_HOME": str(home)}
        self.log = (home.parent / f"{words[0]}.log").open("ab")
        command = [sys.executable, "-m", "workbench", *words]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log, start_new_session=True)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> int:
        """End it as Ctrl-C would, and return its exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        """End whatever is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that nobody else knows."""
    return tmp_path / "home"


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Process]]:
    """Start a workbench command over the test's data folder."""
    started: list[Process] = []

    def begin(*words: str) -> Process:
        started.append(Process(*words, home=home))
        return started[-1]

    yield begin
    for process in started:
        process.close()


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(start: Callable[..., Process]) -> str:
    """The address of a running workbench, server and worker."""
    return listening(start)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one running workbench for all of a file's tests."""
    home = tmp_path_factory.mktemp("shared") / "home"
    started: list[Process] = []

    def begin(*words: str) -> Process:
        started.append(Process(*words, home=home))
        return started[-1]

    yield listening(begin)
    for process in started:
        process.close()


def listening(start: Callable[..., Process]) -> str:
    """Start a workbench, server and worker, and return its address once it answers."""
    port = free_port()
    start("up", "--no-browser", "--port", str(port))
    address = f"http://127.0.0.1:{port}/paper-trading"

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/api/bot/status/").status_code == 200
        except httpx.TransportError:
            return False

    until(answers)
    return address


@pytest.fixture
def browser():
    """A browser for one journey."""
    with chromium() as opened:
        yield opened
