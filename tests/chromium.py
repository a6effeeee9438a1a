"""Chromium without a window, driven over its own pipe: no driver and no port are needed."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""The browser's path; None where there is none."""
NEEDED = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
PIXEL = """(x, y) => {
  const screen = document.getElementById("screen");
  const copy = new OffscreenCanvas(screen.width, screen.height);
  const pen = copy.getContext("2d", {willReadFrequently: true});
  pen.drawImage(screen, 0, 0);
  return Array.from(pen.getImageData(x, y, 1, 1).data).slice(0, 3);
}"""
"""Colour of a point of the canvas."""
_LONGEST = 120
"""Seconds that an answer may take on a machine that is busy with other work."""
_KEYS = {" ": ("Space", 32), "ArrowLeft": ("ArrowLeft", 37), "ArrowRight": ("ArrowRight", 39)}
_KEYS |= {"Home": ("Home", 36), "End": ("End", 35), "Tab": ("Tab", 9)}


class Browser:
    """One browser; each page is opened in a tab of its own."""

    def __init__(self, folder: Path) -> None:
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        # Chromium reads commands from 3 and writes to 4; copies above them survive the dup2.
        source, sink = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out))

        def plug() -> None:
            os.dup2(source, 3)
            os.dup2(sink, 4)

        self._process = subprocess.Popen(
            [
                PROGRAM or "chromium",
                *("--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
                *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"),
                *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
                *("--hide-scrollbars", "--autoplay-policy=no-user-gesture-required"),
                "about:blank",
            ],
            preexec_fn=plug,
            pass_fds=(3, 4),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for fd in (theirs_in, theirs_out, source, sink):
            os.close(fd)
        self._in, self._out, self._rest, self._count = ours_in, ours_out, b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Result of a command of the DevTools protocol; events that come meanwhile are kept."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            for one in self._messages(deadline - time.monotonic()):
                if one.get("id") == self._count:
                    assert "error" not in one, one
                    return dict(one["result"])
                self.events.append(one)
        raise AssertionError(f"no answer to {method}")

    def _messages(self, seconds: float) -> list[dict[str, Any]]:
        """Whole messages that have come."""
        if not select.select([self._in], [], [], max(0, seconds))[0]:
            return []
        *whole, self._rest = (self._rest + os.read(self._in, 1 << 20)).split(b"\0")
        return [json.loads(one) for one in whole]

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)


class Tab:
    """A page in a tab of a size, as a phone or a desk shows it."""

    def __init__(self, browser: Browser, path: Path, width: int = 1280, height: int = 900) -> None:
        self.browser = browser
        browser.events.clear()
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = str(attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def __enter__(self) -> Tab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.browser.call("Target.closeTarget", targetId=self._target)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Result of a command to this tab."""
        return self.browser.call(method, self._session, **parameters)

    def js(self, expression: str) -> Any:
        """Value of an expression of the page; a promise is waited for."""
        done = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def until(self, expression: str, seconds: float = 60) -> Any:
        """First value of an expression that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := self.js(expression):
                return value
            time.sleep(0.02)
        raise AssertionError(f"never true: {expression}")

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        code, number = _KEYS.get(key, (f"Key{key.upper()}", ord(key.upper()[0])))
        event = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        event |= {"modifiers": 8 if shift else 0}
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point, move it along the others and let it go."""
        for point, kind in [
            (points[0], "mouseMoved"),
            (points[0], "mousePressed"),
            *((point, "mouseMoved") for point in points[1:]),
            (points[-1], "mouseReleased"),
        ]:
            held = {} if kind == "mouseMoved" and point == points[0] else {"buttons": 1}
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=point[0],
                y=point[1],
                button="none" if not held else "left",
                clickCount=1,
                **held,
            )

    def touch(self, x: float, y: float) -> None:
        """Touch a point with a finger and lift it."""
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Write what is seen, or the whole page, as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the page's console holds, exceptions, and requests that are not for itself."""
        self.js("0")  # all that happened before has come
        found = []
        for event in self.browser.events:
            kind, what = event.get("method"), event.get("params", {})
            if kind in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                found.append(json.dumps(what)[:400])
            elif kind == "Network.requestWillBeSent":
                url = what["request"]["url"]
                if not url.startswith(("file:", "blob:", "data:", "about:")):
                    found.append(url)
        return found
