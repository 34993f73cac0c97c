"""The import rules of the house, read from the syntax trees: who may know whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

FLOORS = {
    "errors": 0, "phones": 0, "contracts": 0, "track_file": 0, "speech_data": 0,
    "hearing": 1, "acting": 1, "rigs": 1, "export": 1, "plate": 1,
    "pipeline": 2, "live": 2, "delivery": 2,
    "scenes": 3, "revoice": 3,
    "plate_command": 4,
    "__main__": 5,
}  # fmt: skip
"""Each part of model_runtime and its floor: imports run down, and parts of one floor above the ground are strangers."""

OPTIONAL = {
    "onnxruntime", "soundfile", "av", "espeakng_loader", "cryptography", "c2pa", "distributed", "sounddevice",
    "websockets",
}  # fmt: skip
"""What model_runtime may import inside functions only, so that it loads without them."""

BLENDER = {
    "bpy", "bpy_extras", "bpy_types", "bmesh", "mathutils", "gpu", "gpu_extras", "blf", "aud", "addon_utils",
    "rna_prop_ui", "nodeitems_utils",
}  # fmt: skip
OURS = {"addon", "model_runtime", "training", "benchmarks", "build", "bl_ext"}
INSTALLED = "bl_ext.user_default.labial"


class Import(NamedTuple):
    """One import: the dotted name, from the checkout's root if it is relative, and where it stands."""

    name: str
    relative: bool
    in_function: bool
    line: int

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def imports(source: str, path: PurePosixPath) -> Iterator[Import]:
    """Every import of a file that runs; what stands under `if TYPE_CHECKING:` does not."""

    def walk(node: ast.AST, in_function: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            children: list[ast.AST] = list(node.orelse)
        else:
            children = list(ast.iter_child_nodes(node))
        in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for name, relative in _names(node, path):
            yield Import(name, relative, in_function, getattr(node, "lineno", 0))
        for child in children:
            yield from walk(child, in_function)

    yield from walk(ast.parse(source), False)


def _names(node: ast.AST, path: PurePosixPath) -> Iterator[tuple[str, bool]]:
    """What a node imports: dotted names, and whether they were written relative."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, False) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        # Both `from . import errors` and `from .errors import AudioError` become dotted names from the root.
        climbed = path.parts[: len(path.parts) - node.level] if node.level else ()
        base = (*climbed, *(node.module or "").split(".")) if node.module else climbed
        yield from ((".".join((*base, alias.name)), bool(node.level)) for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module"):
        yield from ((str(argument.value), False) for argument in node.args[:1] if isinstance(argument, ast.Constant))


def _part(name: str) -> str:
    """The part of model_runtime that a dotted name belongs to."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def faults(source: str, path: PurePosixPath) -> list[str]:
    """What a file imports that the house does not allow, one line each."""
    rule = next((rule for folder, rule in RULES.items() if path.is_relative_to(folder)), None)
    if rule is None:
        return [f"{path}: no import rule covers this file"]
    found = ((item, rule(item, path)) for item in imports(source, path))
    return [f"{path}:{item.line}: {item.name}: {reason}" for item, reason in found if reason]


def _runtime(item: Import, path: PurePosixPath) -> str:
    if item.relative:
        here, there = path.with_suffix("").parts[1], _part(item.name)
        if item.top != "model_runtime":
            return "model_runtime reaches out of its package"
        if here == "__init__" or here == there:
            return ""
        if here not in FLOORS or there not in FLOORS:
            return "this part of model_runtime has no floor"
        both_ground = FLOORS[here] == FLOORS[there] == 0
        return "" if FLOORS[there] < FLOORS[here] or both_ground else f"{here} may not know {there}"
    if item.top in OPTIONAL:
        return "" if item.in_function else "optional packages are imported inside functions"
    return "" if _plain(item) or item.top == "numpy" else "only the standard library and numpy"


def _addon(item: Import, path: PurePosixPath) -> str:
    if item.relative:
        return "" if item.top in ("addon", "model_runtime") else "the add-on reaches out of its package"
    if item.top == "numpy":
        return "no numpy in operators" if path.is_relative_to("addon/operators") else ""
    return "" if _plain(item) or item.top in BLENDER else "only the standard library, numpy and Blender's modules"


def _root(item: Import, path: PurePosixPath) -> str:
    return "" if item.in_function else "the extension's root imports nothing at module level"


def _build(item: Import, path: PurePosixPath) -> str:
    return "" if _plain(item) else "build.py runs with the standard library alone"


def _blender_test(item: Import, path: PurePosixPath) -> str:
    if item.relative:
        return "" if item.name.startswith("tests.blender.") else "Blender tests share only what is in tests/blender"
    ours = item.top in OURS and not item.name.startswith(INSTALLED)
    return f"Blender tests import only {INSTALLED}" if ours else ""


def _unit_test(item: Import, path: PurePosixPath) -> str:
    if item.relative:
        shared = item.name.startswith(("tests.drawn_person.", "tests.anna."))
        return "" if shared else "tests share only what is in tests"
    ours = item.top in OURS | BLENDER and item.top not in ("model_runtime", "build")
    return "unit tests know model_runtime and build.py" if ours else ""


def _outside_blender(item: Import, path: PurePosixPath) -> str:
    return "only the add-on and the Blender tests import this" if item.top in BLENDER | {"addon", "bl_ext"} else ""


def _in_blender(item: Import, path: PurePosixPath) -> str:
    return "this runs the installed add-on" if item.top == "addon" else ""


def _plain(item: Import) -> bool:
    return item.top in sys.stdlib_module_names


RULES = {
    "__init__.py": _root,
    "build.py": _build,
    "model_runtime": _runtime,
    "addon": _addon,
    "tests/blender": _blender_test,
    "tests/unit": _unit_test,
    "tests": _outside_blender,
    "training": _outside_blender,
    "benchmarks/demo": _in_blender,
    "benchmarks/motion": _in_blender,
    "benchmarks/export": _in_blender,
    "benchmarks/installed.py": _in_blender,
    "benchmarks": _outside_blender,
}
"""Folder or file -> its rule; the first that fits."""


def _sources() -> list[PurePosixPath]:
    made = ("out", "dist", "corpus")
    tops = [top for top in ROOT.iterdir() if top.name not in made and not top.name.startswith(".")]
    files = [*ROOT.glob("*.py"), *(path for top in tops if top.is_dir() for path in top.rglob("*.py"))]
    return sorted(PurePosixPath(path.relative_to(ROOT).as_posix()) for path in files)


def test_every_import_runs_down() -> None:
    sources = _sources()
    assert len(sources) > 10
    found = [fault for path in sources for fault in faults((ROOT / path).read_text(encoding="utf-8"), path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__init__.py", "import bpy"),
        ("build.py", "import requests"),
        ("model_runtime/hearing/network.py", "import onnxruntime"),
        ("model_runtime/hearing/network.py", "import scipy"),
        ("model_runtime/hearing/network.py", "def f():\n    import bpy"),
        ("model_runtime/hearing/network.py", "from model_runtime import errors"),
        ("model_runtime/hearing/align.py", "from ..acting import rules"),
        ("model_runtime/hearing/align.py", "from .. import pipeline"),
        ("model_runtime/hearing/align.py", "from ...addon import compat"),
        ("model_runtime/contracts.py", "from .hearing.audio import load"),
        ("model_runtime/unheard_of.py", "from .contracts import Style"),
        ("model_runtime/pipeline.py", "from . import __main__"),
        ("addon/generate.py", "from model_runtime import pipeline"),
        ("addon/generate.py", "import torch"),
        ("addon/generate.py", "from ..training import model"),
        ("addon/operators/line.py", "import numpy as np"),
        ("tests/blender/test_line.py", "from model_runtime import contracts"),
        ("tests/blender/test_line.py", "import importlib\nimportlib.import_module('addon.generate')"),
        ("tests/unit/test_keys.py", "import bpy"),
        ("tests/unit/test_keys.py", "from addon import compat"),
        ("tests/unit/test_keys.py", "from training import model"),
        ("training/model.py", "import bpy"),
        ("elsewhere/tool.py", "import os"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert path in "\n".join(faults(source, PurePosixPath(path)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__init__.py", "def register():\n    from .addon import registration"),
        ("model_runtime/hearing/network.py", "def f():\n    import onnxruntime"),
        ("model_runtime/hearing/align.py", "from ..contracts import Speech\nfrom .network import hear"),
        ("model_runtime/hearing/align.py", "from .. import errors\nfrom . import network"),
        ("model_runtime/pipeline.py", "from .hearing import align, audio"),
        ("model_runtime/__main__.py", "from .pipeline import listen\nfrom . import scenes"),
        ("model_runtime/contracts.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("addon/operators/line.py", "import bpy\nfrom ...model_runtime.errors import LipSyncError\nfrom .. import job"),
        ("tests/blender/test_line.py", "from bl_ext.user_default.labial.addon import generate"),
        ("benchmarks/demo/make_demo.py", "import bpy"),
    ],
)
def test_an_allowed_import_passes(path: str, source: str) -> None:
    assert faults(source, PurePosixPath(path)) == []
