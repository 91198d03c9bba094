"""A real HTTP server on loopback that misbehaves on request."""

import re
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Answer = Callable[[BaseHTTPRequestHandler], None]
"""What the server does with one request."""


class Server:
    """Answers each path with its answers in turn and repeats the last one; requests are in `seen`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()
        self.answers: dict[str, list[Answer]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, dict(self.headers)))
                answers = server.answers.get(self.path, [status(404)])
                (answers.pop(0) if len(answers) > 1 else answers[0])(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: tests read `seen`."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def serve(self, path: str, *answers: Answer) -> str:
        """Set the answers of a path; returns its address."""
        self.answers[path] = list(answers)
        return self.address + path

    def headers(self, path: str) -> list[dict[str, str]]:
        """Return the headers of the requests for a path."""
        return [headers for seen, headers in self.seen if seen == path]


def whole(body: bytes, etag: str | None = '"v1"', ranges: bool = True, cut: int | None = None) -> Answer:
    """A well-behaved server: the complete file, or the requested range if the version matches.

    `cut` closes the connection after that many bytes of the answer.
    """

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        same = handler.headers.get("If-Range") in (None, etag)
        start = int(asked[1]) if asked and ranges and same else 0
        if start >= len(body) > 0:
            _head(handler, 416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
            return
        rest = body[start:]
        headers = {"Content-Length": str(len(rest)), **({} if etag is None else {"ETag": etag})}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        _head(handler, 206 if start else 200, headers)
        handler.wfile.write(rest[:cut])

    return answer


def part(body: bytes, start: int, total: int | str) -> Answer:
    """Answer 206 with a range that the server chooses."""
    contents = {"Content-Range": f"bytes {start}-{start + len(body) - 1}/{total}", "Content-Length": str(len(body))}
    return lambda handler: (_head(handler, 206, contents), handler.wfile.write(body))[0]


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
    """Answer with an error, or any status and headers."""
    sent = {"Content-Length": str(len(body)), **(headers or {})}
    return lambda handler: (_head(handler, code, sent), handler.wfile.write(body))[0]


def redirect(location: str) -> Answer:
    """Answer with a redirection."""
    return lambda handler: _head(handler, 302, {"Location": location, "Content-Length": "0"})


def unmeasured(body: bytes) -> Answer:
    """Answer with a body of undeclared length, which ends with the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, {})
        try:
            handler.wfile.write(body)
        except ConnectionError:
            """The client had enough."""

    return answer


def stalled(body: bytes, after: int, release: threading.Event, etag: str = '"v1"') -> Answer:
    """Send `after` bytes of a body at once, and the rest when released."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, 200, {"Content-Length": str(len(body)), "ETag": etag})
        handler.wfile.write(body[:after])
        release.wait()
        try:
            handler.wfile.write(body[after:])
        except ConnectionError:
            """The client is gone, as it should be."""

    return answer


def _head(handler: BaseHTTPRequestHandler, code: int, headers: Mapping[str, str]) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
