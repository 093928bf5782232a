"""A shelf: a package in which each module offers one class, found by name.

`strategies/sma_cross.py` offers `SmaCross`. Adding a thing to a shelf is adding one file; there is no list to edit. A shelf may
have folders of the user's own beside its package, with files of the same kind, and it knows the classes of a notebook's cells.
"""

import logging
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from workbench.errors import NotFound, Refused

T = TypeVar("T")
OWN = "workbench_own."
"""Files of the user's own are imported under names that begin so."""
TEXT = "__text__"
"""Where a module of the user's own keeps the text that was run in it."""
log = logging.getLogger(__name__)


class Shelf(Generic[T]):
    """The classes that a package's modules offer, and those of the user's own.

    Parameters
    ----------
    package
        The package's full name, such as `"workbench.strategies"`.
    port
        The class that every offered class derives from.
    kind
        What one of them is called in a sentence, such as `"strategy"`.
    folders
        Returns the folders of the user's own; none where it is not given.
    """

    def __init__(self, package: str, port: type[T], kind: str, folders: Callable[[], Iterable[Path]] = tuple) -> None:
        self.package, self.port, self.kind, self.folders = package, port, kind, folders
        self._shipped: tuple[str, ...] = ()
        self._told: set[str] = set()
        self._broken: dict[tuple[str, int, int], str] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names on the shelf, sorted; nothing is imported for it."""
        return tuple(sorted({*self.shipped(), *self._files(), *self._cells()}))

    def shipped(self) -> tuple[str, ...]:
        """Return the names that the package itself offers, sorted."""
        if not self._shipped:
            paths = import_module(self.package).__path__
            self._shipped = tuple(sorted(m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_")))
        return self._shipped

    def get(self, name: str, field: str | None = None) -> type[T]:
        """Return the class called `name`, written like its module or like itself.

        A file of the user's own is read again once it has changed.

        Raises
        ------
        NotFound
            If there is none; the sentence names the nearest one.
        Refused
            If a file of the user's own cannot be read.
        """
        name = snake_case(name)
        if name in self.shipped():
            offered: type[T] = getattr(import_module(f"{self.package}.{name}"), camel_case(name))
            return offered
        cells = self._cells()
        if name in cells:
            return cells[name]
        files = self._files()
        if name not in files:
            raise NotFound(self.kind, name, self.names(), field)
        return self._read(name, files[name])

    def find(self, name: str) -> type[T] | None:
        """Return the class called `name`; None where there is none that can be read, as once a file of the user's own is gone."""
        try:
            return self.get(name)
        except Refused:
            return None

    def require_importable(self, name: str) -> None:
        """Refuse a class that another process could not find: one that lives in a notebook's cell only.

        Raises
        ------
        Refused
            Saying where its file has to be.
        """
        name = snake_case(name)
        if name in self.shipped() or name in self._files() or name not in self._cells():
            return
        folder = next(iter(self.folders()), None)
        raise Refused(
            f"{camel_case(name)} lives in this notebook only, and the worker that trades cannot import it: write the class, with "
            f"the imports that it needs, to {folder}/{name}.py; the worker finds it there by its name {name!r}."
        )

    def source_digest(self, name: str) -> str:
        """Return a digest of the file of the user's own that offers `name`; empty where the package offers it."""
        found = self._files().get(snake_case(name))
        return blake2b(found.read_bytes(), digest_size=8).hexdigest() if found is not None and found.is_file() else ""

    def offered(self) -> dict[str, type[T]]:
        """Return every class by name; files of the user's own that cannot be read are left out, and told in the log."""
        found, problems = self._sorted_out()
        for sentence in set(problems.values()) - self._told:
            self._told.add(sentence)
            log.warning("%s", sentence)
        return found

    def problems(self) -> dict[str, str]:
        """Return what is wrong with the files of the user's own that cannot be read, by name."""
        return self._sorted_out()[1]

    def load(self) -> None:
        """Import everything on the shelf now, so that nobody waits for it later."""
        self.offered()

    def __iter__(self) -> Iterator[type[T]]:
        return iter(self.offered().values())

    def _sorted_out(self) -> tuple[dict[str, type[T]], dict[str, str]]:
        found, problems = {}, self._overshadowed()
        for name in self.names():
            try:
                found[name] = self.get(name)
            except Refused as problem:
                problems[name] = str(problem)
        return found, problems

    def _files(self) -> dict[str, Path]:
        """Return the files of the user's own; one that has the name of a shipped one is not looked at."""
        taken = set(self.shipped())
        files: dict[str, Path] = {}
        for folder in self.folders():
            for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
                if path.stem.isidentifier() and not path.stem.startswith("_") and path.stem not in taken:
                    files.setdefault(path.stem, path)
        return files

    def _overshadowed(self) -> dict[str, str]:
        """Return what is wrong with files of the user's own that have the name of a shipped one, by a name that says where."""
        taken = set(self.shipped())
        return {
            f"{path.stem} ({path})": f"{path.name}: expected a name of its own, found that of a {self.kind} which comes with the "
            f"workbench; it is not looked at."
            for folder in self.folders() if folder.is_dir() for path in sorted(folder.glob("*.py")) if path.stem in taken
        }  # fmt: skip

    def _cells(self) -> dict[str, type[T]]:
        """Return the classes that were made in this notebook or script; of two with one name the later one."""
        return {snake_case(kind.__name__): kind for kind in _below(self.port) if kind.__module__ == "__main__"}

    def _read(self, name: str, path: Path) -> type[T]:
        about = path.stat()
        stamp = (str(path), about.st_mtime_ns, about.st_size)
        known = sys.modules.get(own_module(name))
        if known is None or getattr(known, "__stamp__", None) != stamp:
            if stamp in self._broken:
                raise Refused(self._broken[stamp])
            try:
                known = _imported(name, path, stamp)
            except Refused as problem:
                # It is not run again with every look, only once it has changed.
                self._broken[stamp] = str(problem)
                raise
        for offered in vars(known).values():
            if isinstance(offered, type) and issubclass(offered, self.port) and snake_case(offered.__name__) == name:
                return offered
        wanted = f"class {camel_case(name)}({self.port.__name__}, frozen=True)"
        raise Refused(f"{path.name}: expected the {self.kind} that its name promises, {wanted}, found none.")


def own_module(name: str) -> str:
    """Return the name under which a file of the user's own is imported."""
    return OWN + name


def _imported(name: str, path: Path, stamp: tuple[str, int, int]) -> ModuleType:
    spec = util.spec_from_file_location(own_module(name), path)
    assert spec is not None
    module = util.module_from_spec(spec)
    module.__dict__["__stamp__"] = stamp
    return run_module(module, path.read_bytes(), str(path))


def run_module(module: ModuleType, text: bytes, path: str) -> ModuleType:
    """Return a module of the user's own once its text was run in it, and known by its name.

    Raises
    ------
    Refused
        If it cannot be run; the sentence says why.
    """
    module.__dict__[TEXT] = text
    before = sys.modules.get(module.__name__)
    # A dataclass with annotations as text looks for its module while it is made.
    sys.modules[module.__name__] = module
    try:
        # Not through a loader: compiled code that it keeps by the second would hide an edit within one.
        exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - the user's own file
    except BaseException as problem:
        if before is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = before
        if not isinstance(problem, Exception | SystemExit):
            raise
        # Whatever a user's file raises is the user's to know, in one sentence.
        where = f", line {problem.lineno}" if isinstance(problem, SyntaxError) and problem.lineno else ""
        raise Refused(f"{Path(path).name}{where} cannot be imported: {type(problem).__name__}: {problem}") from problem
    return module


def _below(kind: type[T]) -> Iterator[type[T]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


def snake_case(name: str) -> str:
    """Return `SmaCross` or `sma-cross` as `sma_cross`."""
    spread = "".join(f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c for i, c in enumerate(name))
    return spread.lower().replace("-", "_")


def camel_case(name: str) -> str:
    """Return `sma_cross` as `SmaCross`."""
    return "".join(part.capitalize() for part in name.split("_"))
