"""Model files and checkpoints of an attacker: code wherever Keras 1 to 3 can carry it, links, endless sizes.

Each would, if it were loaded without checks, touch a canary file, read another file, or take all memory.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Tree = dict[str, Any]
FUNCTION = {"class_name": "function", "registered_name": None}


def touching(canary: Path) -> str:
    """Bytecode of a function that makes the canary, as Keras 1 and 2 store Lambdas."""
    made = compile(f"lambda x: (open({str(canary)!r}, 'w').close(), x)[1]", "<lambda>", "eval")
    code = next(each for each in made.co_consts if hasattr(each, "co_code"))
    return base64.b64encode(marshal.dumps(code)).decode()


class _Pickled:
    """Makes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


def pickled(canary: Path) -> bytes:
    return pickle.dumps(_Pickled(canary))


def layer(kind: str, config: Tree | None = None, **more: Any) -> Tree:
    return {
        "class_name": kind,
        "config": {"name": "evil", **(config or {})},
        "name": "evil",
        "inbound_nodes": [],
        **more,
    }


def hostile_layers(canary: Path) -> dict[str, Tree]:
    """Layers by what they would do; each is put into an otherwise sound network."""
    code, command = touching(canary), f"touch {canary}"
    keras_lambda = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    found = {
        "Lambda of Keras 2": layer("Lambda", {"function": [code, None, None], "function_type": "lambda"}),
        "Lambda of Keras 1": layer("Lambda", {"function": code, "function_type": "lambda", "arguments": {}}),
        "Lambda of Keras 3": layer("Lambda", {"function": keras_lambda}, module="keras.layers"),
        "Lambda by name": layer("Lambda", {"function": "system", "function_type": "function", "module": "os"}),
        "Lambda in TimeDistributed": layer(
            "TimeDistributed", {"layer": layer("Lambda", {"function": [code, None, None]})}
        ),
        "Lambda in Bidirectional": layer("Bidirectional", {"layer": layer("Lambda", {"function": [code, None, None]})}),
        "Lambda in a nested Sequential": layer(
            "Sequential", {"layers": [layer("Lambda", {"function": [code, None, None]})]}
        ),
        "TFOpLambda": layer("TFOpLambda", {"function": "os.system"}),
        "SlicingOpLambda": layer("SlicingOpLambda", {"function": "os.system"}),
        "TFSMLayer": layer("TFSMLayer", {"filepath": str(canary.parent)}, module="keras.layers"),
        "TorchModuleWrapper": layer("TorchModuleWrapper", {"module": base64.b64encode(pickled(canary)).decode()}),
        "JaxLayer": layer("JaxLayer", {"call_fn": keras_lambda}, module="keras.layers"),
        "FlaxLayer": layer("FlaxLayer", {"module": code}, module="keras.layers"),
        "class of os": layer("system", {"command": command}, module="os", registered_name="system"),
        "class of subprocess": layer("Popen", {"args": ["touch", str(canary)]}, module="subprocess"),
        "class of a module of Keras that imports os": layer(
            "Popen", {"args": [command]}, module="keras.src.utils.io_utils"
        ),
        "class named like Keras": layer("Conv3D", module="keras_evil.layers", registered_name="x>Conv3D"),
        "class of builtins": layer("eval", {"source": command}, module="builtins"),
        "load_model as class": layer("load_model", {"filepath": str(canary)}, module="keras.models"),
        "get_file as class": layer("get_file", {"origin": "file:///etc/passwd"}, module="keras.utils"),
        "unpickling as class": layer("loads", {"data": pickled(canary).hex()}, module="pickle"),
        "StringLookup with a file": layer("StringLookup", {"vocabulary": "/etc/passwd"}, module="keras.layers"),
        "TextVectorization with a file": layer("TextVectorization", {"vocabulary": "/etc/passwd"}),
        "class that is a list": layer("Dense", {"class_name": ["Dense"], "config": {}}),
        "metaclass": layer("type", {"bases": []}, module="builtins"),
        "dunder": layer("__import__", {"name": "os"}, module="builtins"),
    }
    for part in ("activation", "kernel_initializer", "kernel_regularizer", "bias_constraint", "dtype", "build_config"):
        found[f"function of os as {part}"] = layer(
            "Dense", {"units": 1, part: {**FUNCTION, "config": "system", "module": "os"}}
        )
        found[f"class of os as {part}"] = layer(
            "Dense", {"units": 1, part: {"class_name": "system", "config": {}, "module": "os"}}
        )
        found[f"lambda as {part}"] = layer("Dense", {"units": 1, part: keras_lambda})
        found[f"function of builtins as {part}"] = layer(
            "Dense", {"units": 1, part: {**FUNCTION, "config": "exec", "module": "builtins"}}
        )
        found[f"get_file as {part}"] = layer(
            "Dense", {"units": 1, part: {**FUNCTION, "config": "get_file", "module": "keras.utils"}}
        )
    found["lambda among the arguments of a call"] = layer(
        "Dense", {"units": 1}, inbound_nodes=[{"args": [keras_lambda]}]
    )
    found["class among the arguments of a call"] = layer(
        "Dense", {"units": 1}, inbound_nodes=[{"args": [], "kwargs": {"x": {"class_name": "TypeSpec", "config": {}}}}]
    )
    return found


def write_hostile_models(sound: Path, folder: Path, canary: Path) -> Iterator[tuple[str, Path]]:
    """Model files (.h5) made from a sound one."""

    def made(name: str, change: Callable[[h5py.File], None]) -> tuple[str, Path]:
        path = folder / f"{len(list(folder.iterdir()))}.h5"
        path.write_bytes(sound.read_bytes())
        with h5py.File(path, "r+") as file:
            change(file)
        return name, path

    for name, evil in hostile_layers(canary).items():
        yield made(name, lambda file, evil=evil: _with_layers(file, [evil]))  # type: ignore[misc]
    yield made("the network itself", lambda file: _set_config(file, hostile_layers(canary)["class of os"]))
    yield made(
        "a config that is a pickle", lambda file: file.attrs.__setitem__("model_config", np.void(pickled(canary)))
    )
    for name, change in (*hostile_contents(canary).items(), *large_networks().items()):
        yield made(name, change)


def hostile_contents(canary: Path) -> dict[str, Callable[[h5py.File], None]]:
    """Changes of the weights of a model file that name other files, or unpack without measure."""
    other = canary.with_suffix(".h5")
    with h5py.File(other, "w") as file:
        file["secret"] = np.zeros(4)

    def first(file: h5py.File) -> str:
        found: list[str] = []
        file.visititems(lambda name, thing: found.append(name) if isinstance(thing, h5py.Dataset) else None)
        return found[0]

    def replaced(make: Callable[[h5py.File, str, tuple[int, ...]], None]) -> Callable[[h5py.File], None]:
        def change(file: h5py.File) -> None:
            name = first(file)
            shape = file[name].shape
            del file[name]
            make(file, name, shape)

        return change

    def virtual(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
        layout = h5py.VirtualLayout(shape, "f4")
        layout[...] = h5py.VirtualSource(str(other), "secret", shape)
        file.create_virtual_dataset(name, layout)

    def bomb(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
        data = file.create_dataset(name, (2**31,), "f4", chunks=(2**22,), compression="gzip", compression_opts=1)
        data[: 2**24] = 0

    def stored_elsewhere(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
        file.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

    def objects(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
        file.create_dataset(name, (1,), h5py.string_dtype(), data=[base64.b64encode(pickled(canary)).decode()])

    def round_about(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
        file[name] = file["/"]

    return {
        "external link": replaced(
            lambda file, name, _: file.__setitem__(name, h5py.ExternalLink(str(other), "secret"))
        ),
        "soft link": replaced(lambda file, name, _: file.__setitem__(name, h5py.SoftLink("/elsewhere"))),
        "link to itself": replaced(lambda file, name, _: file.__setitem__(name, h5py.SoftLink(f"/{name}"))),
        "group within itself": replaced(round_about),
        "virtual data set": replaced(virtual),
        "data stored in /etc/passwd": replaced(stored_elsewhere),
        "compression bomb": replaced(bomb),
        "claims without data": replaced(
            lambda file, name, _: file.create_dataset(name, (10**6, 10**6, 10**3), "f4", chunks=(100, 100, 10)) and None
        ),
        "pickles as texts": replaced(objects),
    }


def large_networks() -> dict[str, Callable[[h5py.File], None]]:
    """Networks that would take all memory or all time when they are built."""

    def conv(name: str, filters: int, before: str, size: int = 1) -> Tree:
        config = {"name": name, "filters": filters, "kernel_size": [size] * 3, "padding": "same", "trainable": True}
        return {"class_name": "Conv3D", "config": config, "name": name, "inbound_nodes": [[[before, 0, 0, {}]]]}

    def network(*layers: Tree) -> Callable[[h5py.File], None]:
        start = {"name": "in", "batch_input_shape": [None, 8, 8, 8, 1], "dtype": "float32", "sparse": False}
        first = {"class_name": "InputLayer", "config": start, "name": "in", "inbound_nodes": []}
        config = {"name": "net", "layers": [first, *layers], "input_layers": [["in", 0, 0]]}
        config["output_layers"] = [[layers[-1]["name"], 0, 0]]
        tree = {"class_name": "Functional", "config": config}
        return lambda file: _set_config(file, tree)

    deep: Tree = {"class_name": "Dense", "config": {}}
    for _ in range(5000):
        deep = {"class_name": "Sequential", "config": {"layers": deep}}
    many = [conv(f"c{n}", 1, f"c{n - 1}" if n else "in") for n in range(20_000)]
    text = '{"class_name": "Functional", "config": ' + '{"a": ' * 100_000 + "1" + "}" * 100_001
    return {
        "a billion filters": network(conv("a", 10**9, "in")),
        "two layers of 100,000 filters": network(conv("a", 10**5, "in"), conv("b", 10**5, "a")),
        "a kernel of 2,000 x 2,000 x 2,000": network(conv("a", 2, "in", 2000)),
        "20,000 layers": network(*many),
        "5,000 networks within each other": lambda file: _set_text(file, _text_of(deep)),
        "a text of 100,000 brackets": lambda file: _set_text(file, text),
        "an embedding of a million words": network(
            {
                "class_name": "Embedding",
                "config": {"name": "e", "input_dim": 10**7, "output_dim": 1000},
                "name": "e",
                "inbound_nodes": [[["in", 0, 0, {}]]],
            }
        ),
        "a filter bank that is made when it is built": network(
            {
                "class_name": "MelSpectrogram",
                "config": {"name": "m", "fft_length": 2**31, "num_mel_bins": 10**6},
                "name": "m",
                "module": "keras.layers",
                "inbound_nodes": [[["in", 0, 0, {}]]],
            }
        ),
    }


def _text_of(tree: Tree) -> str:
    """The tree as JSON, however deep it is."""
    before, after = [], []
    part: Any = tree
    while isinstance(part, dict) and "layers" in part.get("config", {}):
        before.append('{"class_name": "Sequential", "config": {"layers": ')
        after.append("}}")
        part = part["config"]["layers"]
    return "".join(before) + json.dumps(part) + "".join(after)


def _set_config(file: h5py.File, tree: Tree) -> None:
    _set_text(file, json.dumps(tree))


def _set_text(file: h5py.File, text: str) -> None:
    del file.attrs["model_config"]
    file.attrs.create("model_config", text, dtype=h5py.string_dtype())


def _with_layers(file: h5py.File, layers: list[Tree]) -> None:
    tree = json.loads(file.attrs["model_config"])
    tree["config"]["layers"] += layers
    _set_config(file, tree)


def write_hostile_checkpoints(sound: Path, folder: Path, canary: Path) -> Iterator[tuple[str, Path]]:
    """Checkpoints (.keras) made from a sound one."""
    with zipfile.ZipFile(sound) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])

    def made(name: str, **changes: bytes) -> tuple[str, Path]:
        path = folder / f"{len(list(folder.iterdir()))}.keras"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each, content in {
                **members,
                **{key.replace("__", "."): value for key, value in changes.items()},
            }.items():
                archive.writestr(each, content)
        return name, path

    def with_layer(evil: Tree) -> bytes:
        tree = json.loads(json.dumps(config))
        tree["config"]["layers"].append(evil)
        return json.dumps(tree).encode()

    for name, evil in hostile_layers(canary).items():
        yield made(f"checkpoint: {name}", config__json=with_layer(evil))
    for part in ("optimizer", "loss", "metrics"):
        for kind, evil in (
            ("a class of os", {"class_name": "system", "config": {}, "module": "os"}),
            ("a function of builtins", {**FUNCTION, "config": "exec", "module": "builtins"}),
            ("a lambda", {"class_name": "__lambda__", "config": {"code": touching(canary)}}),
        ):
            tree = {**config, "compile_config": {**config["compile_config"], part: evil}}
            yield made(f"checkpoint: {kind} as {part}", config__json=json.dumps(tree).encode())
    yield made("checkpoint: a pickle beside it", model__pkl=pickled(canary))
    yield made("checkpoint: a member outside", **{"../../outside.txt": b"x"})
    yield made("checkpoint: a text of 2 GB", config__json=b" " * 2**26 + members["config.json"])
    for name, change in hostile_contents(canary).items():
        held = io.BytesIO(members["model.weights.h5"])
        with h5py.File(held, "r+") as file:
            change(file)
        yield made(f"checkpoint: {name}", **{"model.weights.h5": held.getvalue()})
