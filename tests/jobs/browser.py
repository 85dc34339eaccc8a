"""A headless Chromium, spoken to over the pipe of its DevTools protocol; no driver is needed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Where a Chromium is; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A page in a browser.

    Attributes:
        said: what the console and the browser's log said, errors and refused scripts too.
        asked: every URL that was asked for.
    """

    def __init__(self, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        program = chromium()
        assert program is not None
        self._home = tempfile.TemporaryDirectory(prefix="notemill-chromium-", ignore_cleanup_errors=True)
        read_there, self._write = os.pipe()
        self._read, write_there = os.pipe()
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                   "--hide-scrollbars", "--disable-dev-shm-usage", f"--user-data-dir={self._home.name}")  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read_there} 4>&{write_there}', "bash", program, *options, "about:blank"],
            pass_fds=(read_there, write_there),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_there)
        os.close(write_there)
        self._buffer, self._last, self._session = b"", 0, ""
        self.said: list[str] = []
        self.asked: list[str] = []
        self._loaded = False
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        if dark:
            scheme = {"name": "prefers-color-scheme", "value": "dark"}
            self.send("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._read)
        os.close(self._write)
        self._home.cleanup()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Asks the browser something and waits for what it answers."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 20)
            if not data:
                raise RuntimeError("the browser has gone")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        about = answer.get("params", {})
        match answer.get("method"):
            case "Runtime.consoleAPICalled":
                self.said.append(str([item.get("value") for item in about["args"]]))
            case "Runtime.exceptionThrown":
                self.said.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"])))
            case "Log.entryAdded":
                self.said.append(about["entry"]["text"])
            case "Network.requestWillBeSent":
                self.asked.append(about["request"]["url"])
            case "Page.loadEventFired":
                self._loaded = True
        return answer

    def open(self, path: Path) -> None:
        self._loaded = False
        self.send("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + 60
        while not self._loaded and time.monotonic() < deadline:
            self.run("1")
        assert self._loaded

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    def unnamed(self) -> list[str]:
        """Roles of what can be operated or is drawn, and has no name that is read aloud."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        wanted = {"button", "link", "combobox", "checkbox", "image", "img", "region", "group", "navigation"}
        return [
            node["role"]["value"]
            for node in nodes
            if not node["ignored"] and node["role"]["value"] in wanted and not node.get("name", {}).get("value")
        ]

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


KEYS = {"Tab": 9, "ArrowRight": 39, "ArrowLeft": 37}
