"""What live mode sends is read by clients and parsers that others wrote."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pylivelinkface import FaceBlendShape, PyLiveLinkFace
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from model_runtime.__main__ import main
from model_runtime.contracts import CHANNELS, SAMPLE_RATE, Float32
from model_runtime.errors import LipSyncError
from model_runtime.hearing import audio, network
from model_runtime.live import server, sources
from model_runtime.live.mouth import DELAY, RATE, LiveMouth
from model_runtime.live.websocket import WebSocketServer
from model_runtime.rigs.presets import load_presets

ROOT = Path(__file__).resolve().parents[2]
LINE = ROOT / "presets/demo/line.wav"
REST = {name: float(name == "sil") for name in CHANNELS}


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1.6 s of the demo line: "Hello, I'm Labial"."""
    path = tmp_path_factory.mktemp("live") / "hello.wav"
    with wave.open(str(LINE)) as line, wave.open(str(path), "wb") as cut:
        cut.setparams(line.getparams())
        cut.writeframes(line.readframes(round(1.6 * line.getframerate())))
    return path


@contextmanager
def started(*arguments: str | Path, stdin: int = subprocess.DEVNULL) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command line in a process of its own, and the address that it prints."""
    command = [sys.executable, "-m", "model_runtime", "live", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=stdin, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"live on (\S+);", line)
        assert found, line + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


def ended(process: subprocess.Popen[str]) -> str:
    """What a process says until it ends by itself, without an error."""
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait() == 0 and "Traceback" not in said, said
    return said


def messages(client: ClientConnection) -> Iterator[dict[str, float | dict[str, float]]]:
    """What a client is told until the server says goodbye."""
    try:
        for text in client:
            yield json.loads(text)
    except ConnectionClosed:
        return


def shapes_of(path: Path) -> dict[float, np.ndarray]:
    """The shapes of a file without a server."""
    mouth = LiveMouth(network.SpeechNetwork.load(threads=1))
    samples = np.concatenate((audio.load(path).samples, np.zeros(round(sources.TAIL * SAMPLE_RATE), np.float32)))
    return {round(frame.time, 4): frame.values for frame in [*mouth.push(samples), *mouth.finish()]}


def test_a_websocket_client_sees_a_file_in_time(hello: Path) -> None:
    with started("--from", hello, "--to", "websocket", "--port", "0") as (process, address):
        begun = time.perf_counter()
        with connect(address) as client:
            greeting = json.loads(client.recv())
            came = [(message, time.perf_counter() - begun) for message in messages(client)]
        said = ended(process)
    assert re.search(r"\d+ ms behind the sound .* ms of computing", said)
    assert greeting == {"labial": "live", "rate": RATE, "delay": DELAY, "names": list(CHANNELS)}
    *shapes, rest = [message for message, _ in came]
    assert rest["values"] == REST
    expected = shapes_of(hello)
    assert [shape["time"] for shape in shapes] == list(expected)
    for shape in shapes:
        assert isinstance(shape["values"], dict)
        np.testing.assert_allclose(list(shape["values"].values()), expected[shape["time"]], atol=2e-4)
    assert max(shape["values"]["PP"] for shape in shapes) == 1.0
    waits = [at - shape["time"] for shape, at in zip(shapes, (at for _, at in came), strict=False)]
    assert min(waits[:-10]) > 0.9 * DELAY, "a shape came before the sound that decides it was spoken"


def test_clients_come_and_go_and_ctrl_c_ends_it() -> None:
    with started("--from", LINE, "--to", "websocket", "--port", "0") as (process, address):
        with connect(address) as staying:
            with connect(address) as leaving:
                assert json.loads(leaving.recv())["labial"] == "live"
            rude = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
            rude.sendall(
                b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n\r\n"
            )
            rude.close()
            for _ in range(20):
                assert json.loads(staying.recv())
            staying.ping().wait(10)
            process.send_signal(signal.SIGINT)
            last = list(messages(staying))[-1]
        said = ended(process)
    assert last["values"] == REST, "the mouth stays open when the server goes"
    assert "shapes" in said


@pytest.fixture
def listening() -> Iterator[WebSocketServer]:
    websocket = WebSocketServer(0, "welcome", ["https://known.example"])
    yield websocket
    websocket.close()


@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "http://127.0.0.1:8000", "https://known.example"])
def test_pages_of_this_machine_may_listen(listening: WebSocketServer, origin: str | None) -> None:
    with connect(f"ws://127.0.0.1:{listening.port}", origin=origin) as client:
        assert client.recv() == "welcome"
        listening.send("é" * 40_000)
        assert client.recv() == "é" * 40_000
        listening.send("x" * 300)
        assert client.recv() == "x" * 300


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost.elsewhere.example"])
def test_other_pages_may_not(listening: WebSocketServer, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{listening.port}", origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert f"--origin {origin}" in refused.value.response.body.decode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"426"),
        (b"POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", b"426"),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n", b"400"),
        (b"\x00" * 70_000 + b"\r\n\r\n", b""),
    ],
)
def test_what_is_no_handshake_is_refused(listening: WebSocketServer, request_: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", listening.port)) as client:
        client.sendall(request_)
        answer = b""
        try:
            while piece := client.recv(4096):
                answer += piece
        except ConnectionResetError:
            assert not status
        assert answer.startswith(b"HTTP/1.1 " + status if status else b"")
    with connect(f"ws://127.0.0.1:{listening.port}") as client:
        assert client.recv() == "welcome"


def test_a_message_that_is_too_long_ends_only_its_client(listening: WebSocketServer) -> None:
    with connect(f"ws://127.0.0.1:{listening.port}") as other, connect(f"ws://127.0.0.1:{listening.port}") as client:
        assert other.recv() == client.recv() == "welcome"
        client.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        listening.send("still here")
        assert other.recv() == "still here"


def test_a_port_in_use_is_named(listening: WebSocketServer, hello: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "--from", str(hello), "--to", "websocket", "--port", str(listening.port)]) == 2
    assert f"Port {listening.port} cannot be used" in capsys.readouterr().err


def received(protocol: str, hello: Path, rig: str) -> list[bytes]:
    """The datagrams of a file, as a program on this machine gets them. None is lost: a few at most are on their way."""
    got: list[bytes] = []
    measured = server.Measured()

    def blocks() -> Iterator[Float32]:
        samples = np.concatenate((audio.load(hello).samples, np.zeros(round(sources.TAIL * SAMPLE_RATE), np.float32)))
        for at in range(0, len(samples), 160):
            while measured.shapes - len(got) > 20:
                time.sleep(0.002)
            yield samples[at : at + 160]

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(120)
        vocabulary = server.Vocabulary(rig)
        out = server.sender(protocol, there.getsockname()[1], vocabulary.names)
        source, mouth = sources.Source(blocks(), SAMPLE_RATE), LiveMouth(network.shared())
        done = threading.Thread(target=server.serve, args=(source, mouth, vocabulary, out, measured))
        done.start()
        for _ in range(len(shapes_of(hello)) + 1):
            got.append(there.recv(65_536))  # noqa: PERF401  (the other thread waits for it to grow)
        done.join()
        out.close()
    assert measured.shapes == len(got) - 1
    return got


def parameters(datagram: bytes, name: Callable[[OscMessage], str]) -> dict[str, float]:
    assert OscBundle.dgram_is_bundle(datagram)
    return {name(message): message.params[-1] for message in OscBundle(datagram)}


def test_vrchat_gets_parameters(hello: Path) -> None:
    datagrams = received("vrchat", hello, "arkit52")
    shown = [parameters(datagram, lambda message: message.address) for datagram in datagrams]
    (preset,) = (preset for preset in load_presets() if preset.id == "arkit52")
    assert set(shown[0]) == {f"/avatar/parameters/{name}" for name in preset.names}
    assert 0.15 < max(shape["/avatar/parameters/jawOpen"] for shape in shown) <= 1.0
    assert shown[-1] == dict.fromkeys(shown[0], 0.0)


def test_vmc_gets_blend_shapes_and_applies_them(hello: Path) -> None:
    *datagrams, _ = received("vmc", hello, "vrm1")
    widest = 0.0
    for datagram in datagrams:
        *values, apply = OscBundle(datagram)
        assert apply.address == "/VMC/Ext/Blend/Apply" and apply.params == []
        assert {message.address for message in values} == {"/VMC/Ext/Blend/Val"}
        shape = dict(message.params for message in values)
        assert set(shape) == {"aa", "ih", "ou", "ee", "oh"}
        widest = max(widest, *shape.values())
    assert widest > 0.5


def test_live_link_gets_sixty_one_curves(hello: Path) -> None:
    *datagrams, _ = received("livelink", hello, "arkit52")
    faces = []
    for datagram in datagrams:
        found, face = PyLiveLinkFace.decode(datagram)
        assert found and face.name == "Labial" and face.fps == RATE
        faces.append(face)
    jaws = [face.get_blendshape(FaceBlendShape.JawOpen) for face in faces]
    (preset,) = (preset for preset in load_presets() if preset.id == "arkit52")
    weights = server.standard_weights(preset)[:, preset.names.index("jawOpen")]
    np.testing.assert_allclose(jaws, [values @ weights for values in shapes_of(hello).values()], atol=1e-4)
    assert {face.get_blendshape(FaceBlendShape.HeadYaw) for face in faces} == {0.0}
    assert all(later._frames == face._frames + 1 for face, later in pairwise(faces))


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_pipe_of_any_rate_gives_the_shapes_of_the_file(rate: int, hello: Path) -> None:
    samples = audio.load(hello).samples
    at = np.arange(round(len(samples) * rate / SAMPLE_RATE)) * SAMPLE_RATE / rate
    raw = (np.interp(at, np.arange(len(samples)), samples) * 32767).astype("<i2").tobytes() + b"\x01"
    mouth = LiveMouth(network.shared())
    shown = [frame for block in sources.pipe(io.BytesIO(raw), rate) for frame in mouth.push(block)]
    expected = shapes_of(hello)
    assert len(shown) > 80
    apart = [np.abs(frame.values - expected[round(frame.time, 4)]).max() for frame in shown[:-3]]
    assert np.mean(apart) < 0.06  # straight lines between samples are another sound


def test_a_pipe_that_ends_ends_it() -> None:
    with started("--from", "-", "--to", "livelink", stdin=subprocess.PIPE) as (process, address):
        assert address == "udp://127.0.0.1:11111"
        assert process.stdin is not None
        process.stdin.close()
        assert "labial:" in ended(process)


def test_a_source_knows_when_its_sound_came() -> None:
    source = sources.Source(iter([np.zeros(160, np.float32)] * 5), SAMPLE_RATE)
    before = time.perf_counter()
    assert sum(map(len, source)) == 800
    after = time.perf_counter()
    assert before <= source.came(0.01) <= source.came(0.05) <= after
    assert source.came(0.045) == pytest.approx(source.came(0.05) - 0.005)


def test_names_of_a_character(hello: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Kiefer" in server.Vocabulary("arkit52", {"jawOpen": "Kiefer"}).names
    for rig, names in (("arkit53", {}), ("arkit52", {"jawOpened": "Kiefer"})):
        with pytest.raises(LipSyncError, match="arkit52"):
            server.Vocabulary(rig, names)
    assert main(["live", "--from", str(hello), "--to", "livelink", "--rig", "oculus15"]) == 2
    assert "Leave --rig" in capsys.readouterr().err
    assert main(["live", "--from", str(tmp_path / "none.wav"), "--to", "vmc"]) == 2
    assert "no sound file" in capsys.readouterr().err


def test_a_missing_package_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(["live", "--from", "mic", "--to", "vmc"]) == 2
    assert "pip install sounddevice" in capsys.readouterr().err
