"""Layout rules: no two folders import each other, and a name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spine_levels", "keras_models", "learning_functions", "losses_and_metrics", "utility_functions")

files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """All imports, also inside functions; without those for types alone, and without those of scripts."""
    found = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    for module in list(found.modules):
        if module.endswith(".__main__"):
            found.remove_module(module)
    return found


def test_no_two_folders_import_each_other(graph: grimp.ImportGraph) -> None:
    """Nor a folder and one inside it. The import contract holds longer circles, and those of files."""
    between: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module in sorted(graph.modules):
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            folders = module.rpartition(".")[0], other.rpartition(".")[0]
            if folders[0] != folders[1]:
                between[folders].append(f"{module} -> {other}")
    both = {pair: lines for pair, lines in between.items() if pair[::-1] in between and "" not in pair}
    assert not both, "\n".join(line for lines in both.values() for line in lines)


def test_no_two_modules_share_a_name() -> None:
    places = defaultdict(list)
    for path in files:
        if path.stem not in ("__init__", "__main__"):
            places[path.stem].append(str(path.relative_to(ROOT)))
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_types_share_a_name() -> None:
    """Classes and type aliases; an alias with an identical definition may exist twice."""
    meanings: dict[str, dict[str, str]] = defaultdict(dict)
    for path in files:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            where = str(path.relative_to(ROOT))
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                meanings[node.name][f"class in {where}"] = where
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name[0].isupper() and not name.isupper():
                    meanings[name][ast.unparse(node.value)] = where
    assert not {name: sorted(found.values()) for name, found in meanings.items() if len(found) > 1}
