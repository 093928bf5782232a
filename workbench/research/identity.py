"""Identity of code: a digest of what a class does, so that trials of an older text are not taken for its own.

The text of a class in a notebook's cell cannot be read back on every version of Python, and the text of a file does not tell
whether a function beside the class was changed. So what is digested is the compiled code of the class and of everything in its
own module that it names, however deep.
"""

import pickle
import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from hashlib import blake2b
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import numpy as np

from workbench.engine.strategy import SignalStrategy

_THIS_PROCESS: Final = f"a value of process {uuid4()}"


def code_digest(kind: type) -> str:
    """Return a digest of a class's own code, of the classes between it and `SignalStrategy`, and of what they name.

    Values beside the class count by what they are, functions and classes of the same module by their code, and what comes from
    other modules by its name. A value that nobody can know by what it is counts as one of this process alone: its trials are
    run anew each time, and never taken for those of another value.

    Examples
    --------
    >>> from workbench.strategies import shelf
    >>> code_digest(shelf.get("sma_cross")) == code_digest(shelf.get("macd_trend"))
    False
    """
    made = blake2b(digest_size=16)
    for part in _class_parts(kind, set()):
        made.update(part.encode())
        made.update(b"\0")
    return made.hexdigest()


def _class_parts(kind: type, seen: set[int]) -> Iterator[str]:
    for each in kind.__mro__:
        if each is SignalStrategy or each is object or id(each) in seen:
            if each is SignalStrategy:
                return
            continue
        seen.add(id(each))
        yield f"class {each.__name__}"
        yield repr(sorted((name, repr(value)) for name, value in getattr(each, "__annotations__", {}).items()))
        for value in getattr(each, "__struct_defaults__", ()):
            yield from _value_parts(value, each.__module__, seen)
        for name, value in sorted(vars(each).items(), key=lambda pair: pair[0]):
            if name.startswith("__") and name != "__post_init__":
                continue
            yield f"member {name}"
            yield from _value_parts(value, each.__module__, seen)


def _value_parts(value: Any, module: str, seen: set[int]) -> Iterator[str]:
    match value:
        case property():
            for function in (value.fget, value.fset):
                if function is not None:
                    yield from _value_parts(function, module, seen)
        case classmethod() | staticmethod():
            yield from _value_parts(value.__func__, module, seen)
        case FunctionType():
            yield from _function_parts(value, module, seen)
        case type():
            if value.__module__ == module:
                yield from _class_parts(value, seen)
            else:
                yield f"{value.__module__}.{value.__qualname__}"
        case ModuleType():
            yield f"module {value.__name__}"
        case np.ndarray() if value.dtype.hasobject:
            yield f"array {value.dtype} {value.shape}"
            yield from _value_parts(value.tolist(), module, seen)
        case np.ndarray() | np.generic():
            # One number of NumPy's is an array without a dimension.
            column = np.ascontiguousarray(value)
            yield f"array {value.dtype} {value.shape} {blake2b(column.tobytes()).hexdigest()}"
        case bool() | int() | float() | complex() | str() | bytes() | bytearray() | None:
            yield repr(value)
        case Enum():
            yield f"{type(value).__qualname__}.{value.name}"
            yield from _value_parts(value.value, module, seen)
        case Decimal() | Fraction() | date() | time() | timedelta() | range() | slice() | re.Pattern() | PurePath() | UUID():
            yield f"{type(value).__qualname__} {value!r}"
        case partial():
            yield from _several_parts("partial", (value.func, value.args, value.keywords), module, seen)
        case list() | tuple() | deque():
            yield from _several_parts(type(value).__qualname__, value, module, seen)
        case set() | frozenset():
            yield from _several_parts("set", sorted(value, key=repr), module, seen)
        case Mapping():
            yield from _several_parts(type(value).__qualname__, [part for pair in value.items() for part in pair], module, seen)
        case np.ufunc() | BuiltinFunctionType():
            yield f"{getattr(value, '__module__', '')}.{value.__name__}"
        case _:
            yield from _object_parts(value, module, seen)


def _several_parts(kind: str, values: Collection[Any], module: str, seen: set[int]) -> Iterator[str]:
    # Their number comes first, so that nothing can be moved from one collection to the next unseen.
    yield f"{kind} {len(values)}"
    for value in values:
        yield from _value_parts(value, module, seen)


def _object_parts(value: Any, module: str, seen: set[int]) -> Iterator[str]:
    # A compiled function, a member of a struct: its wrapped function tells.
    wrapped = getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)
    if isinstance(wrapped, FunctionType):
        yield from _function_parts(wrapped, module, seen)
        return
    if callable(value) and isinstance(getattr(value, "__qualname__", None), str):
        # Compiled by others, such as an indicator of TA-Lib: it is what its module says under its name.
        yield f"{getattr(value, '__module__', '')}.{value.__qualname__}"
        return
    kind = type(value)
    yield f"a {kind.__module__}.{kind.__qualname__}"
    if isinstance(value, MemberDescriptorType | GetSetDescriptorType) or value is msgspec.NODEFAULT or value is msgspec.UNSET:
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if kind.__module__ == module:
        yield from _class_parts(kind, seen)
    names = getattr(value, "__struct_fields__", None) or sorted(getattr(value, "__dict__", {}))
    factory = getattr(value, "factory", None)
    if factory is not None and not names:
        yield from _value_parts(factory, module, seen)
    elif names:
        for name in names:
            yield f"field {name}"
            yield from _value_parts(getattr(value, name), module, seen)
    else:
        yield _pickled(value)


def _pickled(value: Any) -> str:
    try:
        return blake2b(pickle.dumps(value, protocol=5)).hexdigest()
    except (pickle.PicklingError, TypeError, AttributeError):
        return _THIS_PROCESS


def _function_parts(function: FunctionType, module: str, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    if function.__module__ != module:
        yield f"{function.__module__}.{function.__qualname__}"
        return
    yield from _value_parts(function.__defaults__, module, seen)
    yield from _value_parts(dict(sorted((function.__kwdefaults__ or {}).items())), module, seen)
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # it is filled later, by what comes after the function
            continue
        yield from _value_parts(held, module, seen)
    for name in _code_names(function.__code__):
        if name in function.__globals__:
            yield f"global {name}"
            yield from _value_parts(function.__globals__[name], module, seen)
    yield from _code_parts(function.__code__)


def _code_names(code: CodeType) -> Iterator[str]:
    """Yield the names that code asks for, with those of the functions inside it, each once and in order."""
    found = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(dict.fromkeys(_code_names(constant)))
    yield from found


def _code_parts(code: CodeType) -> Iterator[str]:
    # Line numbers and file names are left out: a function that only moved does the same.
    yield (
        f"{code.co_name} {code.co_varnames} {code.co_names} {code.co_freevars} {code.co_code.hex()} {code.co_exceptiontable.hex()}"
    )
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)
