"""A canvas with the MR signals of water and fat beside HU: each painted tissue gets its own signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from utility_functions.geometry.boxes import Box
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.resonance import Signals, tissue_signal
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.tissue import TISSUE_CODES

F32 = np.float32
MARROW_DEVIATION = 0.06
"""Deviation of the logarithm of marrow's signal from bone to bone."""
OEDEMATOUS = 0.02
"""The fraction of bones whose marrow is oedematous or infiltrated as a whole."""
OEDEMA, FATTY, HARD = range(3)
"""Kinds of marrow changes beside degenerated discs (Modic et al. 1988)."""


class MrCanvas(Canvas):
    """A Canvas with ``water`` and ``fat`` (shape): signals of a spin echo, relative to free water."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing: ArrayLike,
        origin: ArrayLike,
        signals: Signals,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(shape, spacing, origin)
        self.signals, self.rng = signals, rng
        self.water: Field = np.zeros(shape, F32)
        self.fat: Field = np.zeros(shape, F32)

    def layered(self) -> None:
        self.water, self.fat = tissue_signal(self.signals, self.tissues)

    def blend(self, box: Box, fraction: Field, tissue: str, hu: float | Field, wet: float | Field = 1.0) -> None:
        super().blend(box, fraction, tissue, hu, wet)
        self._mix(box, fraction, tissue, wet)

    def bone(
        self,
        box: Box,
        field: Field,
        bone: str,
        cortex_hu: float | Field,
        marrow_hu: float | Field,
        cortex_mm: float | Field,
        grain: float,
        inside: str | None = None,
    ) -> None:
        super().bone(box, field, bone, cortex_hu, marrow_hu, cortex_mm, grain, inside)
        filled = inside or f"{bone} marrow"
        inner = self.cover(field + cortex_mm)
        if not filled.endswith("marrow"):
            self._mix(box, inner, filled)
            return
        own, chance = float(np.exp(self.rng.normal(0, MARROW_DEVIATION))), self.rng.random()
        self._mix(box, inner, filled, gain=own)
        if chance < OEDEMATOUS:
            self.water[box] += F32(0.6) * inner * (self.signals.water[TISSUE_CODES["lesion"]] - self.water[box])
            self.fat[box] *= 1 - F32(0.6) * inner

    def vascular(self, box: Box, fraction: Field) -> None:
        water, fat = self.water[box], self.fat[box]
        water += fraction * (F32(0.5) * self.signals.water[TISSUE_CODES["lesion"]] - water)
        fat += fraction * (F32(0.6) * self.signals.fat[TISSUE_CODES["fat"]] - fat)

    def harden(self, box: Box, fraction: Field, hu: float) -> None:
        """Marrow beside degenerated discs: oedema, fat or sclerosis, at random."""
        super().harden(box, fraction, hu)
        kind = int(self.rng.choice(3, p=(0.25, 0.6, 0.15)))
        amount = fraction * F32(min(hu / 150, 1.0))
        water, fat = self.water[box], self.fat[box]
        if kind == OEDEMA:
            water += amount * (F32(0.9) * self.signals.water[TISSUE_CODES["lesion"]] - water)
            fat *= 1 - F32(0.7) * amount
        elif kind == FATTY:
            water *= 1 - F32(0.5) * amount
            fat += amount * (F32(0.75) * self.signals.fat[TISSUE_CODES["fat"]] - fat)
        else:
            water *= 1 - F32(0.7) * amount
            fat *= 1 - F32(0.7) * amount

    def _mix(self, box: Box, fraction: Field, tissue: str, wet: float | Field = 1.0, gain: float = 1.0) -> None:
        code = TISSUE_CODES[tissue]
        signals = self.signals
        grain = 1 + signals.grain[code] * self.texture[box]
        water = signals.dry[code] + np.asarray(wet, F32) * (signals.water[code] - signals.dry[code])
        for part, signal in ((self.water[box], water), (self.fat[box], signals.fat[code])):
            change = signal * (F32(gain) * grain) - part
            change *= fraction
            part += change
