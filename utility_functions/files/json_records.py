"""Dataclasses as plain JSON values and back, by their type hints, so that a new field is taken up by itself."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """``value`` in the terms of JSON; numbers that are not finite become "nan", "inf" and "-inf"."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"Only plain values, arrays and dataclasses can be kept as JSON. Received: {type(value).__name__}."
    )


def from_plain(kind: type[T], value: Any) -> T:
    """The dataclass ``kind`` (or any type one can hold) that ``to_plain`` made ``value`` of.

    Raises: ValueError where the value does not fit.
    """
    try:
        found: T = _made(kind, value)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"This is no record of {getattr(kind, '__name__', kind)} ({error}).") from error
    return found


def _made(kind: Any, value: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        rest = [each for each in inner if each is not type(None)]
        return None if value is None and len(rest) < len(inner) else _made(rest[0], value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        names = {each.name for each in fields(kind) if each.init}
        if unknown := sorted(set(value) - names):
            raise KeyError(f"unknown: {', '.join(unknown)}")
        made: Any = kind
        return made(**{name: _made(hints[name], item) for name, item in value.items()})
    if origin is np.ndarray or kind is np.ndarray:
        return np.array(_numbers(value), dtype=np.float64)
    if origin is tuple:
        each = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
        return tuple(_made(own, item) for own, item in zip(each, value, strict=True))
    if origin in (list, Sequence):
        return [_made(inner[0], item) for item in value]
    if origin in (dict, Mapping):
        return {key: _made(inner[1], item) for key, item in value.items()}
    if kind is float:
        return float(value)
    if kind is Path:
        return Path(value)
    if isinstance(kind, type) and not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _numbers(value: Any) -> Any:
    return [_numbers(item) for item in value] if isinstance(value, list) else float(value)
