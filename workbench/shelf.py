"""A shelf: a package in which each module offers one class, found by name.

`strategies/sma_cross.py` offers `SmaCross`. Adding a thing to a shelf is adding one file; there is no list to edit. A shelf may
have folders of the user's own beside its package, with files of the same kind, and it knows the classes of a notebook's cells.
"""

import logging
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from workbench.errors import CodeChanged, NotFound, Refused

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
        self._kept: dict[tuple[str, str], type[T]] = {}
        # A module that one thread still runs is no half of one to another.
        self._reading = threading.RLock()

    def names(self) -> tuple[str, ...]:
        """Return the names on the shelf, sorted; nothing is imported for it."""
        return tuple(sorted({*self.shipped(), *self._files(), *self._cells()}))

    def shipped(self) -> tuple[str, ...]:
        """Return the names that the package itself offers, sorted."""
        if not self._shipped:
            paths = import_module(self.package).__path__
            self._shipped = tuple(sorted(m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_")))
        return self._shipped

    def get(self, name: str, field: str | None = None, folder: Path | None = None) -> type[T]:
        """Return the class called `name`, written like its module or like itself.

        A file of the user's own is read again once it has changed.

        Parameters
        ----------
        field
            What a refusal names.
        folder
            Looked at before the other folders of the user's own, as the one beside the data that are meant.

        Raises
        ------
        NotFound
            If there is none; the sentence names the nearest one.
        Refused
            If a file of the user's own cannot be read.
        """
        return self._found(name, field, folder)[0]

    def keep(self, name: str, digest: str = "", folder: Path | None = None) -> tuple[type[T], str]:
        """Return the class called `name` and the digest of its file's text, and keep both for whoever asks by that digest again.

        Parameters
        ----------
        digest
            Of the text that is wanted, as an earlier call returned it; whatever there is now where it is empty.
        folder
            As for `get`.

        Raises
        ------
        NotFound, Refused
            As for `get`.
        CodeChanged
            If another text is there than the one that is wanted, or none.
        """
        files = self._files(folder)
        name = _known_as(name, files)
        if digest:
            kept = self._kept.get((name, digest))
            if kept is not None:
                return kept, digest
        file = files[name].name if name in files else f"{name}.py"
        # Looked at before it is run, for what is there now may not even be Python; and after, for that takes a while.
        if digest and (there := self.source_digest(name, folder)) != digest:
            raise CodeChanged(file, digest, there)
        offered, there = self._found(name, None, folder)
        if digest and there != digest:
            raise CodeChanged(file, digest, there)
        if there:
            self._kept[name, there] = offered
        return offered, there

    def _found(self, name: str, field: str | None, folder: Path | None) -> tuple[type[T], str]:
        """Return a class and the digest of the text that it is from; empty where it is no file of the user's own."""
        if (shipped := snake_case(name)) in self.shipped():
            offered: type[T] = getattr(import_module(f"{self.package}.{shipped}"), camel_case(shipped))
            return offered, ""
        files = self._files(folder)
        name = _known_as(name, files)
        cells = self._cells()
        if name in cells:
            return cells[name], ""
        if name not in files:
            raise NotFound(self.kind, name, self.names(), field)
        with self._reading:
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

    def source_digest(self, name: str, folder: Path | None = None) -> str:
        """Return a digest of the file of the user's own that offers `name`; empty where the package does, or none can be read.

        Parameters
        ----------
        folder
            As for `get`.
        """
        files = self._files(folder)
        found = files.get(_known_as(name, files))
        try:
            return _digest(found.read_bytes()) if found is not None else ""
        except OSError:
            return ""

    def name_of(self, kind: type[T]) -> str:
        """Return the name that a class is found by."""
        name = kind.__module__.removeprefix(OWN)
        return name if name != kind.__module__ and kind.__name__ == camel_case(name) else snake_case(kind.__name__)

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
        found, problems = {}, self._unlooked_at()
        for name in self.names():
            try:
                found[name] = self.get(name)
            except Refused as problem:
                problems[name] = str(problem)
        return found, problems

    def _every_file(self, first: Path | None = None) -> Iterator[tuple[str, Path]]:
        """Yield the files of the user's own with the names that they are known by, in the order in which they are looked at."""
        folders = dict.fromkeys([*([first] if first is not None else []), *self.folders()])
        for folder in folders:
            for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
                if not path.stem.startswith("_"):
                    yield snake_case(path.stem), path

    def _files(self, first: Path | None = None) -> dict[str, Path]:
        """Return the files of the user's own; one that has the name of a shipped one is not looked at."""
        taken = set(self.shipped())
        files: dict[str, Path] = {}
        for name, path in self._every_file(first):
            if name.isidentifier() and name not in taken:
                files.setdefault(name, path)
        return files

    def _unlooked_at(self) -> dict[str, str]:
        """Return what is wrong with files of the user's own that are not looked at, by a name that says where."""
        taken, files = set(self.shipped()), self._files()
        problems = {}
        for name, path in self._every_file():
            if name in taken:
                found = f"a name of its own, found that of a {self.kind} which comes with the workbench"
            elif not name.isidentifier():
                found = f"a name of letters, digits and underscores, such as my_cross.py, found {path.name!r}"
            elif files.get(name, path) != path:
                found = f"a name of its own, found that of {files[name]}, which is looked at first"
            else:
                continue
            problems[f"{name} ({path})"] = f"{path.name}: expected {found}; it is not looked at."
        return problems

    def _cells(self) -> dict[str, type[T]]:
        """Return the classes that were made in this notebook or script; of two with one name the later one."""
        return {snake_case(kind.__name__): kind for kind in _below(self.port) if kind.__module__ == "__main__"}

    def _read(self, name: str, path: Path) -> tuple[type[T], str]:
        try:
            about = path.stat()
            stamp = (str(path), about.st_mtime_ns, about.st_size)
            known = sys.modules.get(own_module(name))
            if known is None or getattr(known, "__stamp__", None) != stamp:
                if stamp in self._broken:
                    raise Refused(self._broken[stamp])
                known = self._imported(name, path, stamp)
        except OSError as problem:
            # A link to nowhere, a folder, a file that may not be read or is just gone: it spoils nothing else.
            raise Refused(f"{path.name} cannot be read: {problem.strerror or problem}.") from problem
        for offered in vars(known).values():
            if isinstance(offered, type) and issubclass(offered, self.port) and _promised(name, offered.__name__):
                return offered, _digest(known.__dict__[TEXT])
        wanted = f"class {camel_case(name)}({self.port.__name__}, frozen=True)"
        raise Refused(f"{path.name}: expected the {self.kind} that its name promises, {wanted}, found none.")

    def _imported(self, name: str, path: Path, stamp: tuple[str, int, int]) -> ModuleType:
        spec = util.spec_from_file_location(own_module(name), path)
        assert spec is not None
        module = util.module_from_spec(spec)
        module.__dict__["__stamp__"] = stamp
        text = path.read_bytes()
        try:
            return run_module(module, text, str(path))
        except Refused as problem:
            # It is not run again with every look, only once it has changed.
            self._broken[stamp] = str(problem)
            raise


def own_module(name: str) -> str:
    """Return the name under which a file of the user's own is imported."""
    return OWN + name


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=8).hexdigest()


def _promised(file: str, written: str) -> bool:
    return written == camel_case(file) or snake_case(written) == file


def _known_as(name: str, files: Iterable[str]) -> str:
    """Return the name in its one spelling: `AB` is what `a_b.py` promises, though its letters alone do not tell."""
    known = snake_case(name)
    return known if known in files else next((file for file in files if camel_case(file) == name), known)


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
        if isinstance(problem, KeyboardInterrupt):
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
