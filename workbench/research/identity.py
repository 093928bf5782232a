"""Identity of code: a digest of what a class does, so that trials of an older text are not taken for its own.

The text of a class in a notebook's cell cannot be read back on every version of Python, and the text of a file does not tell
whether a function beside the class was changed. So what is digested is the compiled code of the class and of everything in its
own module that it names, however deep.
"""

from collections.abc import Iterator
from hashlib import blake2b
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from workbench.engine.strategy import SignalStrategy


def code_digest(kind: type) -> str:
    """Return a digest of a class's own code, of the classes between it and `SignalStrategy`, and of what they name.

    Values beside the class (numbers, texts, arrays) count by what they are, functions and classes of the same module by their
    code, and what comes from other modules by its name.

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
        yield repr(tuple(repr(value) for value in getattr(each, "__struct_defaults__", ())))
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
        case np.ndarray():
            yield f"array {value.dtype} {value.shape} {blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()}"
        case bool() | int() | float() | str() | bytes() | None:
            yield repr(value)
        case list() | tuple() | set() | frozenset() | dict():
            for item in sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value:
                yield from _value_parts(item, module, seen)
                if isinstance(value, dict):
                    yield from _value_parts(value[item], module, seen)
        case _:
            # A compiled function, a member of a struct: its wrapped function tells, and where there is none its type has to do.
            wrapped = getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)
            if isinstance(wrapped, FunctionType):
                yield from _function_parts(wrapped, module, seen)
            else:
                yield f"a {type(value).__module__}.{type(value).__qualname__}"


def _function_parts(function: FunctionType, module: str, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    if function.__module__ != module:
        yield f"{function.__module__}.{function.__qualname__}"
        return
    yield repr(function.__defaults__)
    yield repr(sorted((function.__kwdefaults__ or {}).items()))
    for cell in function.__closure__ or ():
        yield from _value_parts(cell.cell_contents, module, seen)
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
    yield f"{code.co_name} {code.co_varnames} {code.co_names} {code.co_freevars} {code.co_code.hex()}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)
