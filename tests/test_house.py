"""House rules: style, types, import contract, file sizes and fast help."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spine_levels", "keras_models", "learning_functions", "losses_and_metrics", "utility_functions")
SCRIPTS = ("generate_samples.py", "train.py", "measure.py")
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_SCRIPT = 100

scripts = [ROOT / name for name in SCRIPTS if (ROOT / name).is_file()]
package_files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
OTHERS = ("tests", "benchmarks", "experiments", "hardening")
other_files = [path for folder in OTHERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", timeout=300, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", "--no-cache"),
        ("-m", "ruff", "format", "--check"),
        ("-m", "mypy"),
        ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
    ],
    ids=["ruff check", "ruff format", "mypy", "import contract"],
)
def test_the_checks_pass(command: tuple[str, ...]) -> None:
    done = run(sys.executable, *command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", package_files + other_files + scripts, ids=name_of)
def test_every_module_opens_with_what_it_holds(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and not text.strip():
        return
    output = ast.get_docstring(ast.parse(text))
    assert output, f"{name_of(path)} has no docstring"
    first = output.split("\n\n")[0].strip()
    assert first.endswith("."), f"the first sentence of {name_of(path)} has no end: {first!r}"


@pytest.mark.parametrize("path", package_files, ids=name_of)
def test_no_file_outgrows_its_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES_OF_A_FILE, f"{name_of(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", scripts, ids=name_of)
def test_a_script_is_arguments_in_and_one_call(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < MOST_LINES_OF_A_SCRIPT


@pytest.mark.parametrize("module", [*(path.stem for path in scripts), "learning_functions.training.warm_start.merging"])
def test_help_answers_without_deep_learning(module: str) -> None:
    """A second process, since in this one other tests have imported Keras already."""
    done = run(
        sys.executable,
        "-c",
        f"import sys, {module} as script\n"
        "try:\n"
        "    script.main(['--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code in (0, None), end.code\n"
        "heavy = sorted({'tensorflow', 'keras'} & set(sys.modules))\n"
        "sys.exit(f'imported before the arguments were parsed: {heavy}' if heavy else 0)\n",
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


@pytest.mark.parametrize("path", package_files, ids=name_of)
def test_json_is_written_by_the_one_strict_writer_alone(path: Path) -> None:
    """The strict writer refuses NaN and infinity, which JSON does not have."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    writers = [call for call in calls if ast.unparse(call.func) in ("json.dump", "json.dumps")]
    assert len(writers) == (path.name == "json_records.py")
    assert all("allow_nan=False" in ast.unparse(call) for call in writers)


@pytest.mark.parametrize("path", package_files, ids=name_of)
def test_no_generator_is_made_without_a_seed(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
            assert node.args or node.keywords, f"{name_of(path)}:{node.lineno}"
