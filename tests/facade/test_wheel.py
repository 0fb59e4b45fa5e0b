"""The wheel, installed beside the dependencies but without this checkout: commands and facade work from anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("spine_levels", "keras_models", "learning_functions", "losses_and_metrics", "utility_functions")
COMMANDS = ("spine-samples", "spine-train", "spine-measure")
PHANTOM = "phantom:1:lumbar:seed=4"
STRANGER = 54321
"""The id of a user who has no entry in the list of users."""
NOTEBOOK = """
import json, sys
import keras  # imported first, as other cells of a notebook may do
import numpy as np
import spine_levels
pipeline = spine_levels.Pipeline(["detection"], device="cpu")
result = pipeline.segment(np.full((32, 32, 32), -1000, np.int16), affine=np.diag((2, 2, 2, 1)))
print(json.dumps([spine_levels.__file__, len(result.landmarks), result.labels.shape, list(result.notes)]))
"""


def run(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=kept, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done


def readable_interpreter() -> str:
    """A Python of this version that another user may run, with the packages of this one; skips where there is none."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can run as another user")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, shutil.which(version, path=os.defpath)):
        if candidate is not None:
            code = f"import sys; sys.path.append({sysconfig.get_path('purelib')!r}); import numpy"
            try:
                done = subprocess.run(
                    [candidate, "-c", code], cwd="/", env={}, user=STRANGER, group=STRANGER, check=False
                )
            except PermissionError:
                continue
            if done.returncode == 0:
                return candidate
    pytest.skip("no Python with these packages can be run by another user")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that no file is left in the checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in (*PACKAGES, "saved_models"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (
        *ROOT.glob("*.py"),
        *(ROOT / name for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE")),
    ):
        shutil.copy(path, copy)
    folder = tmp_path_factory.mktemp("wheel")
    build = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, copy)
    run([sys.executable, *build], copy)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with the wheel and the dependencies of this one."""
    place = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", place], place)
    paths = sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})
    # a folder that a .pth names is searched, but its own .pth files, and so an editable install, are not read
    (Path(paths["purelib"]) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    commands = Path(paths["scripts"])
    python = commands / Path(sys.executable).name
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel], place)
    return commands


def test_the_wheel_holds_models_and_data_and_no_scripts(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {*PACKAGES, "saved_models"}
    for pattern in ("saved_models/*.h5", "saved_models/*.toml", "utility_functions/**/*.json"):
        files = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
        assert files and files <= names


def test_no_module_of_a_script_is_installed(environment: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.util import find_spec\nprint([find_spec(n) for n in ('train', 'measure', 'generate_samples')])"
    )
    python = environment / Path(sys.executable).name
    assert run([python, "-c", code], tmp_path).stdout.strip() == "[None, None, None]"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_answer_help(command: str, environment: Path, tmp_path: Path) -> None:
    output = run([environment / command, "--help"], tmp_path).stdout
    assert output.startswith(f"usage: {command} ") and f"\n  {command} " in output and "python " not in output


def test_spine_measure_names_a_phantom(environment: Path, tmp_path: Path) -> None:
    run([environment / "spine-measure", PHANTOM, "--output", "results"], tmp_path)
    [scan] = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))["scans"]
    true = [level for level in scan["levels"] if level["hit_verse"] is not None]
    assert len(true) > 3 and all(level["hit_verse"] for level in true)


def test_spine_measure_works_as_any_user_without_a_home(wheel: Path) -> None:
    """As in a container with --user: nothing but the output folder can be written, and the user has no entry."""
    interpreter = readable_interpreter()
    with tempfile.TemporaryDirectory(dir="/tmp") as made:  # pytest's own folders are closed to other users
        folder, output = Path(made), Path(made) / "results"
        zipfile.ZipFile(wheel).extractall(folder / "installed")
        output.mkdir()
        for path in (folder, *(folder / "installed").rglob("*")):
            path.chmod(0o755)
        output.chmod(0o777)
        paths = os.pathsep.join((str(folder / "installed"), sysconfig.get_path("purelib")))
        code = "import sys; from spine_levels.cli.spine_measure import main; sys.exit(main())"
        done = subprocess.run(
            [interpreter, "-c", code, PHANTOM, "--models", "fast", "--output", str(output)],
            cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": paths},
            user=STRANGER,
            group=STRANGER,
            extra_groups=[],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert (output / "results.csv").stat().st_uid == STRANGER


def test_segment_works_in_another_folder(environment: Path, tmp_path: Path) -> None:
    python = environment / Path(sys.executable).name
    printed = json.loads(run([python, "-c", NOTEBOOK], tmp_path).stdout.splitlines()[-1])
    assert Path(printed[0]).is_relative_to(environment.parent)
    assert printed[1:] == [0, [32, 32, 32], ["No vertebra was found."]]
