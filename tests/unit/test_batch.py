"""Batches as a studio runs them: killed, resumed, shared out, with lines that cannot be done."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_runtime import track_file
from model_runtime.scenes import batch, cluster, sheet
from model_runtime.scenes.job import BatchError, Job, Outcome, file_name, work
from model_runtime.scenes.ledger import TRIES, locked

ROOT = Path(__file__).resolve().parents[2]
LINE = ROOT / "presets/demo/line.wav"
COMMAND = (sys.executable, "-m", "model_runtime", "batch")


def cut(path: Path, number: int, seconds: float = 0.6) -> None:
    """A piece of the demo line, another one for each number."""
    with wave.open(str(LINE), "rb") as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        source.setpos(int(number * 0.1 * source.getframerate()))
        target.writeframes(source.readframes(int(seconds * source.getframerate())))


def made_sheet(folder: Path, lines: int, bad: tuple[str, ...] = ()) -> Path:
    """A sheet of so many real sounds, and of files that are none."""
    folder.mkdir(exist_ok=True)
    names = [f"l{k:02}" for k in range(lines)]
    for k, name in enumerate(names):
        cut(folder / f"{name}.wav", k)
    for name in bad:
        (folder / f"{name}.wav").write_text("no sound")
    path = folder / "lines.csv"
    path.write_text("sound\n" + "".join(f"{name}.wav\n" for name in [*bad, *names]))
    return path


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False, **options)


def ledger(folder: Path) -> list[dict[str, Any]]:
    rows = [row for path in folder.glob("ledger*.jsonl") for row in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(row) for row in rows if row.startswith("{") and row.endswith("}")]


def assert_whole(folder: Path, names: set[str]) -> None:
    """Every line exactly once in the ledger, every file whole, and nothing else."""
    assert {path.name for path in folder.glob("*.mouth.json")} == {f"{name}.mouth.json" for name in names}
    assert all(track_file.read(path).duration > 0.5 for path in folder.glob("*.mouth.json"))
    assert Counter(row["id"] for row in ledger(folder) if row["state"] == "done") == Counter(names)
    assert not list(folder.glob(".unfinished*")) and not list(folder.glob("tmp*"))


def in_this_process(queue: deque[Job]) -> Iterator[Outcome]:
    """A team of one: what the tests of the bookkeeping need."""
    while queue:
        yield work(queue.popleft())


def test_a_batch_that_is_killed_three_times(tmp_path: Path) -> None:
    lines, out = made_sheet(tmp_path, 36, bad=("poison",)), tmp_path / "out"
    for _ in range(3):
        before = len(ledger(out))
        with subprocess.Popen([*COMMAND, lines, "--out", out, "--workers", "2"], cwd=ROOT, stderr=-3) as running:
            while running.poll() is None and len(ledger(out)) < before + 5:
                time.sleep(0.005)
            running.kill()
        assert running.returncode == -signal.SIGKILL
        with (out / "ledger.jsonl").open("a", encoding="utf-8") as torn:
            torn.write('{"id": "l35", "state": "do')
    done = run(lines, "--out", out, "--workers", "2", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and len(report["skipped"]) >= 15 and report["lines"] == 37
    assert [one["id"] for one in report["failed"]] == ["poison"] and "poison.wav" in report["failed"][0]["error"]
    assert_whole(out, {f"l{k:02}" for k in range(36)})


def test_only_what_changed_is_done_again(tmp_path: Path) -> None:
    lines, out = made_sheet(tmp_path, 4, bad=("poison",)), tmp_path / "out"

    def again(**options: Any) -> batch.Result:
        return batch.run(sheet.read(lines), out, in_this_process, **options)

    first = again(dry=True)
    assert first.todo == 5 and not out.exists()
    first = again()
    assert len(first.done) == 4 and first.exit_code == 1
    assert [row["tries"] for row in ledger(out) if row["state"] == "failed"] == [TRIES]
    second = again()
    assert len(second.skipped) == 4 and not second.done and "set aside before" in second.failed[0]["error"]
    assert len(ledger(out)) == 5
    cut(tmp_path / "l00.wav", 20)
    (out / "l01.mouth.json").unlink()
    (out / "l02.mouth.json").write_bytes((out / "l02.mouth.json").read_bytes()[:-1])
    shutil.copy(tmp_path / "l03.wav", tmp_path / "poison.wav")
    third = again()
    assert sorted(third.done) == ["l00", "l01", "l02", "poison"] and third.exit_code == 0
    lines.write_text(lines.read_text().replace("sound\n", "sound,style\n").replace("l03.wav", "l03.wav,Shout"))
    assert again().done == ["l03"] and len(again(resume=False, retry=True).done) == 5


def test_every_language_of_a_sheet_gets_files_of_its_own(tmp_path: Path) -> None:
    made_sheet(tmp_path, 6)
    takes = [("hello", "en-us"), ("hello", "de"), ("hello", "French"), ("bye", "en-us"), ("bye", "de"), ("once", "de")]
    rows = [f"{name},l{k:02}.wav,{language}" for k, (name, language) in enumerate(takes)]
    (tmp_path / "lines.csv").write_text("id,sound,language\n" + "\n".join(rows), encoding="utf-8")
    done = batch.run(sheet.read(tmp_path / "lines.csv"), tmp_path / "out", in_this_process)
    names = {"hello.en-us", "hello.de", "hello.fr", "bye.en-us", "bye.de", "once"}
    assert set(done.done) == names and done.exit_code == 0
    assert_whole(tmp_path / "out", names)


def test_a_worker_that_dies_or_hangs_fails_its_line_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, out = made_sheet(tmp_path, 3, bad=("kills", "hangs")), tmp_path / "out"
    found = {job.id: job for job in batch.jobs(sheet.read(lines).lines, out, out)}
    sent = batch._Worker.give

    def give(worker: batch._Worker, job: Job, patience: float) -> None:
        sent(worker, job, 0.0 if job.id == "hangs" else patience)
        if job.id == "kills":
            worker.process.kill()
            worker.process.join()

    out.mkdir()
    monkeypatch.setattr(batch._Worker, "give", give)
    outcomes = list(batch.local_team(1, 60.0)(deque(found.values())))
    states = {outcome.job.id: outcome.state for outcome in outcomes}
    assert states == {"kills": "failed", "hangs": "failed", "l00": "done", "l01": "done", "l02": "done"}
    errors = " ".join(outcome.error for outcome in outcomes)
    assert "signal 9" in errors and "too long" in errors


def test_shards_are_all_lines_once_and_share_a_folder(tmp_path: Path) -> None:
    lines, out = made_sheet(tmp_path, 9), tmp_path / "out"
    found = sheet.read(lines)
    with locked(out, (1, 3)):
        for k in (2, 3):
            batch.run(found, out, in_this_process, shard=(k, 3))
        for clash in ((1, 3), (1, 1), (1, 2)):
            with pytest.raises(BatchError, match=f"process {os.getpid()}"):
                batch.run(found, out, in_this_process, shard=clash)
    batch.run(found, out, in_this_process, shard=(1, 3))
    assert_whole(out, {f"l{k:02}" for k in range(9)})
    assert len(batch.run(found, out, in_this_process).skipped) == 9


def test_a_second_batch_is_refused_and_a_stale_lock_taken_over(tmp_path: Path) -> None:
    lines, out = made_sheet(tmp_path, 1), tmp_path / "out"
    with locked(out, (1, 1)):
        refused = run(lines, "--out", out)
    assert refused.returncode == 2 and f"process {os.getpid()}" in refused.stderr and not refused.stdout
    lock = next(out.glob(".batch*.lock"))
    lock.write_text(json.dumps({"pid": os.getpid(), "host": "elsewhere"}))
    with pytest.raises(BatchError, match="elsewhere"):
        batch.run(sheet.read(lines), out, in_this_process)
    lock.write_text(lock.read_text().replace("elsewhere", socket.gethostname()))
    assert batch.run(sheet.read(lines), out, in_this_process).done == ["l00"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    import resource

    lines, out = made_sheet(tmp_path, 2), tmp_path / "out"
    done = run(lines, "--out", out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)))
    assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    assert_whole(out, set())
    assert run(lines, "--out", out).returncode == 0


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = made_sheet(tmp_path, 1)
    with pytest.raises(BatchError, match="cannot be written"):
        batch.run(sheet.read(lines), tmp_path / "l00.wav" / "out", in_this_process)
    closed = tmp_path / "locked"
    closed.mkdir(mode=0o500)
    if not os.access(closed, os.W_OK):  # whoever is root may write everywhere
        with pytest.raises(BatchError, match="cannot be written"):
            batch.run(sheet.read(lines), closed, in_this_process)
    assert not list(closed.iterdir())


def test_words_need_their_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = made_sheet(tmp_path, 1)
    lines.write_text("sound,text\nl00.wav,Hello\n")
    monkeypatch.setattr(batch.lexicon, "available", lambda: False)
    with pytest.raises(BatchError, match="espeakng-loader"):
        batch.run(sheet.read(lines), tmp_path / "out", in_this_process)
    assert batch.run(sheet.read(lines), tmp_path / "out", in_this_process, words=False).exit_code == 0


@pytest.mark.parametrize("name", ["../x", "a/b", "con", "nul.txt", ".", "", "ü" * 200, "𠀀" * 90, "a\0b", "A:B", "x "])
def test_an_id_becomes_a_file_name(name: str) -> None:
    made = file_name(name)
    assert made.endswith(".mouth.json") and len(made.encode()) < 255 and not set(made) & set('/\\:\0*?"<>|')
    assert made[0] not in ". " and made != file_name(name + "_") and file_name("sc1_Anna-7") == "sc1_Anna-7.mouth.json"


def test_exit_codes_and_what_is_said(tmp_path: Path) -> None:
    lines = made_sheet(tmp_path, 1)
    done = run(lines, "--out", tmp_path / "out", "--style", "clear", "--language", "de")
    assert done.returncode == 0 and "1 of 1 lines to do" in done.stderr and "1 lines done" in done.stdout
    assert track_file.read(tmp_path / "out" / "l00.mouth.json").style.name == "Clear"
    lines.write_text("sound\nl00.wav\nabsent.wav\n")
    assert "row 3" in (partly := run(lines, "--out", tmp_path / "out", "--dry-run")).stderr and partly.returncode == 1
    for wrong in (("--shard", "3/2"), ("--workers", "0"), ("--style", "Absent"), ("--fps", "nan")):
        refused = run(lines, "--out", tmp_path / "out", *wrong)
        assert refused.returncode == 2 and not refused.stdout and "Traceback" not in refused.stderr


def test_a_cluster_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BatchError, match="pip install distributed"):
        cluster.dask_team("tcp://localhost:8786")


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers on this machine, as an administrator starts them: address, and the workers."""
    pytest.importorskip("distributed")
    command, at = (sys.executable, "-m", "dask"), tmp_path / "scheduler.json"
    quiet: dict[str, Any] = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": -3}
    here = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(at))
    running = [subprocess.Popen([*command, "scheduler", "--port", "0", *here], **quiet)]
    try:
        alone = ("--no-nanny", "--nthreads", "1")
        running += [subprocess.Popen([*command, "worker", *here, *alone], **quiet) for _ in range(2)]
        while not at.exists():
            assert running[0].poll() is None, "the scheduler cannot start"
            time.sleep(0.05)
        yield json.loads(at.read_text(encoding="utf-8"))["address"], running[1:]
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_cluster_whose_worker_is_killed(tmp_path: Path, dask: tuple[str, list[subprocess.Popen[bytes]]]) -> None:
    lines, out, (address, workers) = made_sheet(tmp_path, 40, bad=("poison",)), tmp_path / "out", dask
    command = [*COMMAND, lines, "--out", out, "--scheduler", address, "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=-3) as running:
        while running.poll() is None and len(ledger(out)) < 3:
            time.sleep(0.005)
        assert running.poll() is None
        workers[0].kill()
        report = json.loads(running.communicate()[0])
    assert workers[0].wait() == -signal.SIGKILL and workers[1].poll() is None
    assert len(report["done"]) == 40 and [one["id"] for one in report["failed"]] == ["poison"]
    assert_whole(out, {f"l{k:02}" for k in range(40)})


def test_a_cluster_whose_worker_dies_with_outcomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dask: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    lines, out, (address, workers) = made_sheet(tmp_path, 8), tmp_path / "out", dask
    monkeypatch.setattr(cluster, "AHEAD", 8)
    team = cluster.dask_team(address)

    def late(queue: deque[Job]) -> Iterator[Outcome]:
        """The team's outcomes, the second of which is asked for when a worker has died with some.

        The other worker is held up meanwhile, or it would have done them again at once.
        """
        outcomes = team(queue)
        yield next(outcomes)
        while len(list(out.glob("*.mouth.json"))) < 8:
            time.sleep(0.05)
        workers[1].send_signal(signal.SIGSTOP)
        workers[0].kill()
        workers[0].wait()
        time.sleep(1.0)
        threading.Timer(1.0, workers[1].send_signal, (signal.SIGCONT,)).start()
        yield from outcomes

    result = batch.run(sheet.read(lines), out, late)
    assert not result.stopped and sorted(result.done) == [f"l{k:02}" for k in range(8)]


def test_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BatchError, match="does not answer"):
            cluster.dask_team(f"tcp://127.0.0.1:{taken.getsockname()[1]}")


def test_a_page_tells_of_every_line(tmp_path: Path) -> None:
    lines = made_sheet(tmp_path / "in", 2, bad=("broken",))
    page = tmp_path / "page.html"
    ended = run(lines, "--out", tmp_path / "out", "--html", page)
    assert ended.returncode == 1, ended.stderr
    told = page.read_text(encoding="utf-8")
    assert told.count("<details") == 3 and told.count("<svg") >= 2
    assert told.index(">broken<") < told.index(">l00<"), "what failed comes first"
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", told), "nothing from elsewhere"
    refused = run(lines, "--out", tmp_path / "out", "--html", tmp_path / "nowhere" / "page.html")
    assert refused.returncode == 2 and "page.html cannot be written" in refused.stderr
