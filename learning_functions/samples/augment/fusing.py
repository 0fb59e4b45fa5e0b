"""Arithmetic on tensors as a few loops that XLA compiles."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from typing import Any

import tensorflow as tf


def arithmetic(function: Callable[..., Any], fused: bool, **given: Hashable) -> Callable[..., Any]:
    """The function of tensors, with what is ``given``; compiled once for each shape of its tensors where ``fused``.

    It has no branches: within compiled code these would copy what passes through.
    """
    return _compiled(function, tuple(given.items())) if fused else partial(function, **given)


@lru_cache(maxsize=256)
def _compiled(function: Callable[..., Any], given: tuple[tuple[str, Hashable], ...]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = tf.function(partial(function, **dict(given)), jit_compile=True, autograph=False)
    return compiled
