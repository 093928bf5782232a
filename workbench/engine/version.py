"""The version of the rules: a digest of the source that decides what is traded."""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path

import workbench


@cache
def source_version(parts: Sequence[str]) -> str:
    """Return the version of the package and a digest of the source of some of its parts.

    Parameters
    ----------
    parts
        Folders and files below the package, such as `"engine"` or `"analytics/returns.py"`.

    Examples
    --------
    >>> source_version(("domain",)) == source_version(("domain",)) != source_version(("engine",))
    True
    """
    root = Path(workbench.__file__).parent
    digest = blake2b(digest_size=8)
    for part in parts:
        found = root / part
        for path in sorted(found.rglob("*.py")) if found.is_dir() else [found]:
            digest.update(path.name.encode() + path.read_bytes())
    return f"{workbench.__version__}+{digest.hexdigest()}"
