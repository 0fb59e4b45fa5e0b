"""Checks of the amounts and probabilities of random changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def require_probabilities(changes: Any, names: Iterable[str]) -> None:
    """Raises: ValueError where one of these fields is not from 0 to 1."""
    for name in names:
        if not 0 <= (value := getattr(changes, name)) <= 1:
            raise ValueError(f"The probability of {name} is from 0 to 1. Received: {value}.")


def require_not_negative(changes: Any, names: Iterable[str]) -> None:
    """Raises: ValueError where one of these fields is below 0 or not a number."""
    for name in names:
        if not (value := getattr(changes, name)) >= 0:
            raise ValueError(f"{name} cannot be below 0. Received: {value}.")
