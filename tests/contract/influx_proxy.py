"""A real HTTP proxy before a real server that fails on order: by status, by cutting, by waiting."""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset(("content-length", "transfer-encoding", "connection"))


class Fault(NamedTuple):
    """What happens to a request.

    status   answered instead of passing it on; 0: the connection is cut
    passed   it is passed on first, and only the answer is lost
    delay_s  waited before anything else
    """

    status: int = 0
    passed: bool = False
    delay_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    body: str = '{"error":"as it was told to"}'


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that break off: that is what they are here for."""


class FailingProxy:
    """Listens on a free port before `upstream`; `fault(method, path)` says what goes wrong."""

    def __init__(self, upstream: str) -> None:
        self.fault: Callable[[str, str], Fault | None] = lambda method, path: None
        self.requests: list[str] = []
        place = urlsplit(upstream)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass()

            def do_POST(self) -> None:
                self._pass()

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.requests.append(f"{self.command} {self.path}")
                fault = proxy.fault(self.command, self.path.partition("?")[0])
                if fault is not None:
                    time.sleep(fault.delay_s)
                if fault is None or fault.passed:
                    status, headers, content = self._asked(body)
                if fault is not None and not fault.status:
                    self.close_connection = True
                    return
                if fault is not None:
                    status, content = fault.status, fault.body.encode()
                    headers = [*fault.headers, ("Content-Type", "application/json")]
                try:
                    self.send_response(status)
                    for name, value in headers:
                        if name.lower() not in (
                            "content-length",
                            "transfer-encoding",
                            "connection",
                        ):
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:  # who asked has gone
                    self.close_connection = True

            def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                assert place.hostname is not None
                upstream = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
                headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
                try:
                    upstream.request(self.command, self.path, body, headers)
                    answer = upstream.getresponse()
                    return answer.status, answer.getheaders(), answer.read()
                except OSError as error:
                    return 502, [], str(error).encode()
                finally:
                    upstream.close()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def fail_writes(self, *faults: Fault | None) -> None:
        """Let the next writes fail like this, one after the other; then all is well again."""
        todo = list(faults)

        def fault(method: str, path: str) -> Fault | None:
            return todo.pop(0) if path.endswith("/write") and todo else None

        self.fault = fault

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
