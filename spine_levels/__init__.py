"""Find, name and segment the vertebrae of a CT or MR scan: ``spine_levels.segment("scan.nii.gz").landmarks``.

The import is fast: TensorFlow and other heavy packages are imported at their first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from learning_functions.runtime.tensorflow_setup import use_onednn

if TYPE_CHECKING:
    from spine_levels.result import Result as Result
    from spine_levels.segmentation import Pipeline as Pipeline
    from spine_levels.segmentation import load_model as load_model
    from spine_levels.segmentation import segment as segment

_HOME = {
    "Pipeline": "spine_levels.segmentation",
    "Result": "spine_levels.result",
    "load_model": "spine_levels.segmentation",
    "segment": "spine_levels.segmentation",
}
__all__ = ["Pipeline", "Result", "load_model", "segment"]

use_onednn()  # for a TensorFlow that is imported after this package, by whomever


def __getattr__(name: str) -> Any:
    """The public names, and ``__version__``, imported at their first use."""
    if name == "__version__":
        from importlib.metadata import version

        return version("spine-levels")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
