"""The layers and arguments of Keras 1 as those of Keras 3, for the layers of U-Nets."""

from __future__ import annotations

from typing import Any

_ARGUMENTS = {
    "nb_filter": "filters",
    "subsample": "strides",
    "border_mode": "padding",
    "bias": "use_bias",
    "p": "rate",
    "input_dtype": "dtype",
    "concat_axis": "axis",
}
_KERNELS = {"Conv2D": ("nb_row", "nb_col"), "Conv3D": ("kernel_dim1", "kernel_dim2", "kernel_dim3")}
_CLASSES = {"Convolution2D": "Conv2D", "Convolution3D": "Conv3D"}
_KEPT = {
    "InputLayer": ("batch_input_shape", "dtype", "name"),
    "Conv2D": ("filters", "strides", "padding", "use_bias", "activation"),
    "Conv3D": ("filters", "strides", "padding", "use_bias", "activation"),
    "BatchNormalization": ("epsilon", "axis", "momentum"),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "MaxPooling3D": ("pool_size", "strides", "padding"),
    "UpSampling2D": ("size",),
    "UpSampling3D": ("size",),
    "Activation": ("activation",),
    "Dropout": ("rate",),
    "Concatenate": ("axis",),
}
"""The arguments of each layer that inference needs; initialisers, regularisers and constraints matter to training."""


def in_todays_terms(config: dict[str, Any]) -> dict[str, Any]:
    """The ``model_config`` of a functional network for Keras 3; unknown layers stay as they are."""
    inner = config.get("config")
    if not isinstance(inner, dict) or not isinstance(inner.get("layers"), list):
        return config
    return {**config, "config": {**inner, "layers": [_layer(layer) for layer in inner["layers"]]}}


def _layer(layer: Any) -> Any:
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return layer
    old, kind = layer["config"], str(layer.get("class_name"))
    if kind == "Merge" and old.get("mode") == "concat":
        kind = "Concatenate"
    kind = _CLASSES.get(kind, kind)
    channels_first = old.get("dim_ordering", "tf") != "tf"  # Theano's order: its kernels are flipped, too
    by_batch = kind == "BatchNormalization" and old.get("mode", 0) != 0
    if kind not in _KEPT or channels_first or by_batch:
        return layer
    renamed = {_ARGUMENTS.get(name, name): value for name, value in old.items()}
    new = {name: renamed[name] for name in ("name", "trainable", *_KEPT[kind]) if name in renamed}
    if kind in _KERNELS:
        new["kernel_size"] = [old.get(side) for side in _KERNELS[kind]]
    if kind == "InputLayer":
        new.pop("trainable", None)
    return {**layer, "class_name": kind, "config": new}
