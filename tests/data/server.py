"""A local web server that misbehaves on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Route = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Looks up the path in `server.routes` and notes every request in `server.seen`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        route = self.server.routes.get(self.path, status(404))  # type: ignore[attr-defined]
        route(self)
        self.close_connection = True

    def end_headers(self) -> None:
        # Said, not only done: a client that follows a redirect would otherwise reuse the closing connection.
        self.send_header("Connection", "close")
        super().end_headers()

    def answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def status(code: int) -> Route:
    return lambda handler: handler.answer(code, b"no")


def redirect(target: str) -> Route:
    return lambda handler: handler.answer(302, b"", Location=target)


def page(text: str = "<html>sign in first</html>") -> Route:
    return lambda handler: handler.answer(200, text.encode(), Content_Type="text/html; charset=utf-8")


def file(body: bytes, *, etag: bool = True) -> Route:
    """The whole body, or the range that is asked for if the validator fits."""
    tag = f'"{md5(body).hexdigest()}"'

    def route(handler: Handler) -> None:
        wanted = handler.headers.get("Range", "")
        headers = {"ETag": tag} if etag else {}
        if wanted and handler.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                handler.answer(416, b"")
                return
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.answer(206, body[start:], Content_Range=span, **headers)
        else:
            handler.answer(200, body, **headers)

    return route


def broken(body: bytes, sent: int, *, of: bytes | None = None) -> Route:
    """Announces the whole body, sends some bytes of it, and closes the connection."""
    tag = f'"{md5(of or body).hexdigest()}"'
    return lambda handler: handler.answer(200, body[:sent], Content_Length=str(len(body)), ETag=tag)


def in_turn(*routes: Route) -> Route:
    """One behaviour per request, the last one for ever."""
    left = list(routes)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


class Server(ThreadingHTTPServer):
    """Routes by path, and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, Route] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
