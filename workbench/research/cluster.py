"""Trials on a Dask cluster: the same function on other machines, with the same rows as here."""

import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import msgspec

from workbench.errors import Refused
from workbench.research.study import Study, Values
from workbench.research.trials import Bench, Figures, Trial, bench_of, figures_of, tally_of
from workbench.shelf import OWN, TEXT, run_module
from workbench.strategies import parameters_of

PART: Final = 16
"""Trials of one task: enough to be worth sending, few enough to spread evenly."""
CONNECT_SECONDS: Final = 5
_benches: dict[str, Bench] = {}
_lock = threading.Lock()


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Yield a client of the cluster at an address; None where there is no address.

    Raises
    ------
    Refused
        If nothing answers there, or Dask is not installed.
    """
    if address is None:
        yield None
        return
    try:
        import distributed
    except ModuleNotFoundError:
        raise Refused(
            "A cluster needs Dask, which is not installed: `uv add 'workbench[dask]'`, or leave `executor` out and run here."
        ) from None
    dask: Any = distributed
    expected = "expected an address such as 'tcp://10.0.0.5:8786'"
    try:
        # Looked at first: a client of what is no address goes on trying, and says so when the process ends.
        dask.comm.get_address_host_port(address)
    except (ValueError, TypeError, AttributeError) as problem:
        raise Refused(f"No Dask scheduler answers at {address!r}: {expected} ({problem}).") from problem
    client = dask.Client.__new__(dask.Client)
    try:
        client.__init__(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as problem:
        # One that has found nobody is half made, and has threads of its own all the same.
        client.close(timeout=0)
        raise Refused(f"No Dask scheduler answers at {address!r}: {expected} ({type(problem).__name__}).") from problem
    try:
        if not client.scheduler_info()["workers"]:
            raise Refused(f"The Dask scheduler at {address!r} has no worker: expected at least one.")
        yield client
    finally:
        client.close()


def run_remotely(client: Any, study: Study, trials: Sequence[Values]) -> Generator[list[Trial]]:
    """Yield trials in their order, run by the workers of a cluster.

    Raises
    ------
    Refused
        If a worker cannot run them: most often it lacks the workbench, or has another version of it.
    """
    sent = _scattered(client, study)
    parts = [list(trials[low : low + PART]) for low in range(0, len(trials), PART)]
    asked = [client.submit(figures_there, sent, study.id, part, pure=False) for part in parts]
    try:
        for part, future in zip(parts, asked, strict=True):
            problem = future.exception()
            if problem is not None:
                raise Refused(f"A worker of the cluster could not run a trial: {type(problem).__name__}: {problem}") from problem
            yield [Trial(dict(values), figures) for values, figures in zip(part, future.result(), strict=True)]
    finally:
        client.cancel(asked)


def _scattered(client: Any, study: Study) -> Any:
    """Return a study as its workers hold it; a search, which asks batch by batch, sends it once."""
    held = client.__dict__.setdefault("_studies_of_the_workbench", {})
    if study.id not in held:
        held[study.id] = client.scatter(packed(study), broadcast=True, hash=False)
    return held[study.id]


class Packed(msgspec.Struct, frozen=True):
    """A study on its way: its strategy by name and parameters, with the text of its file where that is the user's own."""

    study: dict[str, Any]
    module: str
    strategy: str
    parameters: dict[str, Any]
    text: bytes


def packed(study: Study) -> Packed:
    """Return a study as it travels to a cluster.

    Raises
    ------
    Refused
        If its strategy is a class of a notebook's cell.
    """
    kind = type(study.strategy)
    module, text = sys.modules[kind.__module__], b""
    if module.__name__.startswith(OWN):
        # What ran here, and not what the file says by now.
        text = module.__dict__[TEXT]
    elif module.__name__ == "__main__":
        raise Refused(
            f"{kind.__name__} lives in this notebook only, and no worker of a cluster can import it: write the class to a file of "
            f"its own; `workbench strategies` says where."
        )
    others = {name: getattr(study, name) for name in study.__struct_fields__ if name != "strategy"}
    return Packed(others, module.__name__, kind.__name__, parameters_of(study.strategy), text)


def unpacked(sent: Packed) -> Study:
    """Return a study as it was before it travelled."""
    known = sys.modules.get(sent.module)
    if sent.text and (known is None or known.__dict__.get(TEXT) != sent.text):
        module = ModuleType(sent.module)
        run_module(module, sent.text, f"{sent.module.removeprefix(OWN)}.py")
    kind = getattr(import_module(sent.module), sent.strategy)
    return Study(strategy=kind(**sent.parameters), **sent.study)


def figures_there(sent: Packed, id_: str, part: Sequence[Values]) -> list[Figures]:
    """Return the figures of trials; what they share is made once in a process."""
    with _lock:
        bench = _benches.get(id_)
        if bench is None:
            study = unpacked(sent)
            if study.id != id_:
                raise Refused(
                    f"A worker makes another study of what it was sent: expected {id_}, found {study.id}. Most often it has "
                    f"another version of the workbench, of Python, or of a library that the strategy names."
                )
            _benches.clear()
            bench = _benches[id_] = bench_of(study)
    study = bench.study
    return figures_of(study, [tally_of(bench, values) for values in part])
