"""A real headless Chromium, controlled over two pipes: no driver, no port, no package."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = shutil.which("chromium") or shutil.which("chromium-browser")
"""The browser of `make test-deps`; None if there is none."""
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r")}
_PATIENCE = 90.0


class Browser:
    """One page of a running browser; `errors` has what the page reported since it was opened."""

    def __init__(self, requests: int, answers: int) -> None:
        self.errors: list[str] = []
        self.requests_made: list[str] = []
        self._write = os.fdopen(requests, "wb", buffering=0)
        self._read = os.fdopen(answers, "rb", buffering=0)
        self._pending = b""
        self._numbers = itertools.count(1)
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol; returns its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, page: Path, width: int = 1200, height: int = 900, anchor: str = "") -> None:
        """Open a file with a window width in CSS pixels and wait until it is loaded."""
        self.errors.clear()
        self.requests_made.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=page.as_uri() + anchor)
        name = f"decodeURIComponent(location.pathname.split('/').pop()) === {json.dumps(page.name)}"
        self.wait(f"document.readyState === 'complete' && location.protocol === 'file:' && {name}")

    def run(self, script: str) -> Any:
        """Return the awaited value of an expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true; TimeoutError otherwise."""
        end = time.monotonic() + _PATIENCE
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {condition}")
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that matches a selector, once it no longer moves."""
        place = (
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            " it.scrollIntoView({block: 'center'}); const box = it.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        # What is drawn above the element moves it while the page loads: the click would hit something else.
        before, (x, y), end = None, self.run(place), time.monotonic() + _PATIENCE
        while (x, y) != before and time.monotonic() < end:
            time.sleep(0.1)
            before, (x, y) = (x, y), self.run(place)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def move(self, x: float, y: float) -> None:
        """Move the pointer to a position in the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key: str) -> None:
        """Press a key: Tab or Enter."""
        code, text = _KEYS[key]
        known = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **known)
        self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """Return a PNG of the page, or of the window."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """Close the browser."""
        self._session = None
        self.call("Browser.close")
        self._write.close()
        self._read.close()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            piece = os.read(self._read.fileno(), 1 << 16)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._pending += piece
        message, self._pending = self._pending.split(b"\0", 1)
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(params["args"])[:500])
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif event.get("method") == "Network.requestWillBeSent":
            self.requests_made.append(params["request"]["url"])


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile and without network services."""
    assert COMMAND is not None
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    # Chromium reads commands from descriptor 3 and writes answers to 4.
    script = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    arguments += ["--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage", "about:blank"]
    process = subprocess.Popen(
        ["bash", "-c", script, COMMAND, *arguments],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        browser = Browser(from_us, to_us)
        yield browser
        browser.close()
        process.wait(timeout=_PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
