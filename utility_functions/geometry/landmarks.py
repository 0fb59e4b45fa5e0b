"""Named points in the world, such as vertebral centroids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points in RAS+ mm.

    names: N names (vocabulary of anatomy.labels, each at most once; "" for a point without a name).
    points_mm: (N, 3) world positions.
    scores: (N,) confidence of each in 0..1; ones when not given.
    """

    names: tuple[str, ...]
    points_mm: NDArray[np.float64]
    scores: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.names)
        points = np.array(self.points_mm, dtype=np.float64)
        points = points.reshape(-1, 3) if points.size == 0 else points
        if points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(f"Landmarks need points of x, y, z in mm, (N, 3). Received: an array of {points.shape}.")
        scores = np.ones(len(names)) if self.scores is None else np.array(self.scores, dtype=np.float64)
        if len(points) != len(names) or scores.shape != (len(names),):
            raise ValueError(
                "Landmarks need one name, one point and one score each. "
                f"Received: {len(names)} names, {len(points)} points, {scores.shape} scores."
            )
        if not np.isfinite(points).all():
            raise ValueError(f"Landmarks need finite positions in mm. Received: {points.tolist()}.")
        named = [name for name in names if name]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"A name may stand once among landmarks. Received twice: {', '.join(twice)}.")
        points.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "points_mm", points)
        object.__setattr__(self, "scores", scores)

    @classmethod
    def empty(cls) -> Landmarks:
        return cls((), np.zeros((0, 3)))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        return iter(zip(self.names, self.points_mm, strict=True))

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def point(self, name: str) -> NDArray[np.float64]:
        """Position (3,) of the landmark called ``name``."""
        if name not in self.names:
            raise ValueError(f"No landmark of that name among {', '.join(self.names)}. Received: {name!r}.")
        return self.points_mm[self.names.index(name)]

    def only(self, names: Iterable[str]) -> Landmarks:
        """Those whose name is among ``names``, in the present order."""
        wanted = set(names)
        return self.at([i for i, name in enumerate(self.names) if name in wanted])

    def at(self, indices: Iterable[int]) -> Landmarks:
        """Those at the given places, in the given order."""
        order = [int(i) for i in indices]
        return Landmarks(tuple(self.names[i] for i in order), self.points_mm[order], self.scores[order])
