"""A real page in headless Chromium, driven over the DevTools protocol (https://chromedevtools.github.io)."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--remote-debugging-port=0", "--window-size=1500,1000",
    # Whatever a page asks of other hosts fails at once, and `Page.hosts` knows of it.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip


class Page:
    """One tab. hosts: every host that anything on the page asked."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._last = 0
        self.hosts: set[str] = set()
        for domain in ("Page", "Network", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def text(self) -> str:
        """What a person can read on the page."""
        answer = self._call("Runtime.evaluate", expression="document.body ? document.body.innerText : ''")
        return str(answer["result"].get("value", ""))

    def until(self, *words: str, seconds: float = 60) -> str:
        """The text of the page once all words are on it. Fails with what is there instead."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(word in (text := self.text()) for word in words):
                return text
            time.sleep(0.3)
        raise AssertionError(f"{words} did not come to the page; it reads: {self.text()[:3000]}")

    def click(self, text: str) -> None:
        """Clicks the innermost element that reads so."""
        find = (
            "[...document.querySelectorAll('button, a, span, div')].filter(e => e.innerText && "
            f"e.innerText.trim() === {json.dumps(text)}).pop().click()"
        )
        answer = self._call("Runtime.evaluate", expression=find)
        assert "exceptionDetails" not in answer, f"nothing reads {text!r}"

    def run(self, program: str) -> Any:
        """What a piece of JavaScript gives."""
        answer = self._call("Runtime.evaluate", expression=program, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def drawn(self, selector: str, at_least: int = 1, seconds: float = 60) -> None:
        """Waits until the page has so many elements: charts come after the words around them."""
        end, found = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            found = self.run(f"document.querySelectorAll({json.dumps(selector)}).length")
            if found >= at_least:
                return
            time.sleep(0.3)
        raise AssertionError(f"{found} of {at_least} {selector} are on the page")

    def settled(self, seconds: float = 30) -> None:
        """Waits until two looks at the page, a second apart, show the same."""
        end, before = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            time.sleep(1)
            now = str(self._call("Page.captureScreenshot", format="png")["data"])
            if now == before:
                return
            before = now

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **params: Any) -> Any:
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=60))
            if told.get("method") == "Network.requestWillBeSent":
                url = str(told["params"]["request"]["url"])
                if url.startswith(("http", "ws")):
                    self.hosts.add(url.split("://", 1)[1].split("/", 1)[0].split(":", maxsplit=1)[0])
            if told.get("id") == self._last:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A tab of a Chromium of its own; the test is skipped where none is installed."""
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if binary is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    from websockets.sync.client import connect

    process = subprocess.Popen(
        [binary, *QUIET, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(profile / "DevToolsActivePort", process)
        with connect(_tab(port), max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _port(told: Path, process: "subprocess.Popen[bytes]", seconds: float = 60) -> int:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if told.exists() and (lines := told.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")


def _tab(port: int) -> str:
    import http.client

    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asked.request("GET", "/json/list")
    tabs = json.load(asked.getresponse())
    asked.close()
    return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
