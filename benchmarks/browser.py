"""Chromium without a screen, through its DevTools protocol: open a page, ask it, look at it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless=new", "--no-sandbox", "--remote-debugging-port=0", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--no-first-run", "--window-size=1280,800",
)  # fmt: skip
"""Drawing by software, sound without a click, and no word with the network."""


class PageError(Exception):
    """What a page threw."""


class Page:
    """One tab."""

    def __init__(self, client: ClientConnection) -> None:
        self._client, self._count = client, 0
        self.complaints: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session: dict[str, str] = {
            "sessionId": self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        }
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        self._ask("Page.bringToFront")  # pages behind others are not drawn

    def before_each(self, script: str) -> None:
        """Runs in every page before its own scripts."""
        self._ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, path: Path) -> None:
        """A file of this machine."""
        self._ask("Page.navigate", url=path.resolve().as_uri())
        self.evaluate(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )

    def resize(self, width: int, height: int) -> None:
        """The part of the window that shows the page, in pixels."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, of a promise what it promises. Raises PageError."""
        answer = self._ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def picture(self) -> bytes:
        """PNG of what is seen."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters, **getattr(self, "_session", {})}
        self._client.send(json.dumps(message))
        while (answer := json.loads(self._client.recv(timeout=120))).get("id") != self._count:
            self._note(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def _note(self, event: dict[str, Any]) -> None:
        """Errors, and requests of anything that is not in the page."""
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"].get("exception", {}).get("description")))
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
        elif event.get("method") == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                self.complaints.append(f"it asks for {url}")


def chromium() -> str | None:
    """The program, if it is on PATH."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def opened() -> Iterator[Page]:
    """A tab of a browser of its own, with an empty profile."""
    program = chromium()
    if program is None:
        raise FileNotFoundError("Chromium is not on PATH; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="labial-browser-", ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            assert process.stderr is not None
            marked = (line for line in process.stderr if line.startswith("DevTools listening on "))
            address = next(marked).removeprefix("DevTools listening on ").strip()
            with connect(address, max_size=None, ping_interval=None) as client:
                yield Page(client)
                client.send(json.dumps({"id": 0, "method": "Browser.close"}))
        finally:
            process.terminate()
            process.wait()
