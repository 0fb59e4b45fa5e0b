"""The whole numbers among the settings of a task, and the limits of those that decide on a network's size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST = {"filters": 4096, "levels": 12}
"""What a sample file or a card may ask for; published networks have 64 filters and 6 levels at most."""


def require_sizes(values: Mapping[str, Any]) -> None:
    """Raise a ValueError unless all are whole numbers from 1 to their limits."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be at least 1, a whole number. Received: {value}.")
        if value > MOST.get(name, value):
            raise ValueError(f"{name} can be {MOST[name]} at most. Received: {value}.")
