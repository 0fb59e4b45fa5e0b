"""NiiVue as a plain script that pages load from beside them; it is taken from the installed package ipyniivue."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

from utility_functions.files.atomic_write import write_text
from utility_functions.files.provenance import GENERATOR, SCRIPT

HOW_TO_GET_IT = "Views in slices and 3D need NiiVue: pip install 'spine-levels[viewer]', then measure again."
"""One line for who has not installed it."""
STAMP = f"/* NiiVue {{version}} from the package ipyniivue, for the pages of {GENERATOR}.\n\n{{licence}}*/\n"
_MODULE = re.compile(r'"([^"\\\s]{500000,})"')
"""A text of that many letters, without a space."""
_EXPORTS = re.compile(r"export\s*\{([^{}]*)\}\s*;?\s*$")


def has_niivue() -> bool:
    """Whether NiiVue is installed; the package itself is not imported."""
    return importlib.util.find_spec("ipyniivue") is not None


def write_niivue(folder: Path) -> None:
    """Write NiiVue's script into ``folder`` unless it stands there already. Raises: ValueError, see `niivue_script`."""
    place, script = Path(folder) / SCRIPT, niivue_script()
    if not place.is_file() or place.stat().st_size != len(script.encode()):
        write_text(place, script)


@cache
def niivue_script() -> str:
    """A classic script that defines ``niivue``, with NiiVue's exports; browsers load no modules from files.

    ipyniivue carries NiiVue's module as URI-encoded text, for pages that its users save.
    Raises: ValueError where the installed version carries none.
    """
    found = importlib.util.find_spec("ipyniivue")
    if found is None or found.origin is None:
        raise ValueError(f"{HOW_TO_GET_IT} Received: no package ipyniivue.")
    about = metadata.distribution("ipyniivue")
    bundle = Path(found.origin).with_name("static") / "widget.js"
    module = module_in(bundle.read_text(encoding="utf-8")) if bundle.is_file() else None
    if module is None:
        raise ValueError(f"ipyniivue holds no module of NiiVue where 2.4 has it. Received: version {about.version}.")
    licence = next((file.read_text() for file in about.files or () if file.name == "LICENSE"), "")
    stamp = STAMP.format(version=f"({about.version})", licence=licence.replace("*/", "* /"))
    return f"{stamp}{as_classic_script(module)}"


def module_in(bundle: str) -> str | None:
    """The text of NiiVue's module in the script of ipyniivue; None where there is none."""
    for encoded in _MODULE.findall(bundle):
        text = unquote(encoded)
        exports = _EXPORTS.search(text)
        if exports is not None and "Niivue" in exports.group(1):
            return text
    return None


def as_classic_script(module: str) -> str:
    """A module that imports nothing, as a script that defines ``niivue``.

    Raises: ValueError where it exports nothing.
    """
    exports = _EXPORTS.search(module)
    if exports is None:
        raise ValueError(f"A module ends in what it exports. Received: ...{module[-40:]!r}.")
    pairs = [re.split(r"\s+as\s+", each.strip()) for each in exports.group(1).split(",") if each.strip()]
    named = ", ".join(f"{pair[-1]}: {pair[0]}" for pair in pairs)
    text = module[: exports.start()].replace("</script", "<\\/script")
    return f"var niivue = (() => {{ {text}\nreturn {{ {named} }}; }})();\n"
