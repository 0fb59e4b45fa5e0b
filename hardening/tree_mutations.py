"""Changes of nested structures as JSON and TOML hold them: other types, lost and doubled parts, depths, sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

DEEP = "deep"
"""Stands for a list nested beyond what recursion holds; `text_of` writes it."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 1.5, -0.0, 10**9, 2**31, 2**63, 10**40, float("nan"), float("inf"), 1e308),
    *(
        "",
        "x",
        "L1",
        "C8",
        "\u00fc\u4e09",
        "a\nb",
        "nan",
        "1",
        "9" * 5000,
        "../x",
        "/etc/passwd",
        "RAS",
        "\x00",
        "\ud800",
    ),
    *([], {}, [[]], [None], [1, 2], [1, 2, 3], [1, 2, 3, 4], ["x"], {"x": 1}, [[1, 2, 3]] * 3, [0] * 10000, DEEP),
)


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every part of a tree: its holder and its key there."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from places(value)


def change_tree(tree: Any, rng: np.random.Generator) -> Any:
    """Change one part of the tree; where it has none, it becomes something else itself."""
    found = list(places(tree))
    if not found or rng.random() < 0.03:
        return VALUES[int(rng.integers(len(VALUES)))]
    holder, key = found[int(rng.integers(len(found)))]
    kind = int(rng.integers(8))
    if kind < 4:
        holder[key] = VALUES[int(rng.integers(len(VALUES)))]
    elif kind == 4:
        del holder[key]
    elif kind == 5 and isinstance(holder, dict):
        holder[str(rng.choice(["x", "", "label", "name", "direction", "class_name", str(key).upper()]))] = holder.pop(
            key
        )
    elif kind == 5:
        holder.insert(int(rng.integers(len(holder) + 1)), holder[key])
    elif kind == 6:
        other, place = found[int(rng.integers(len(found)))]
        copy = json.loads(json.dumps(other[place])) if place in _keys(other) else None
        holder[key] = copy
    elif isinstance(holder[key], bool) or not isinstance(holder[key], int | float):
        holder[key] = [holder[key]]
    else:
        holder[key] = (
            holder[key] * float(rng.choice([-1.0, 1e-9, 1e3, 1e9, 1e300])) if rng.random() < 0.7 else str(holder[key])
        )
    return tree


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def text_of(tree: Any) -> str:
    """The tree as JSON, also with what JSON does not have (NaN, lone surrogates, depth without end)."""
    text = json.dumps(tree)
    return text.replace(f'"{DEEP}"', "[" * 100_000 + "]" * 100_000)


def changed_json(content: bytes, rng: np.random.Generator) -> bytes:
    tree = json.loads(content)
    for _ in range(1 + int(rng.integers(3)) // 2):
        tree = change_tree(tree, rng)
    return text_of(tree).encode("utf-8", "surrogatepass")


def doubled_key(content: bytes, rng: np.random.Generator) -> bytes:
    """The first key of an object stands twice."""
    return content.replace(b"{", b'{"label": 20, "name": "L1", ', 1)
