"""The HTTP server: uvicorn, on a socket of ours, ended by us."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Serves until `should_exit`. The signals are the front door's: what was accepted is stored
    before the process ends."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        config.timeout_graceful_shutdown = 1
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listening_on(shown: str, host: str, port: int) -> socket.socket:
    """Return a socket that listens for HTTP; OSError with a sentence when it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
        # Head and body of an answer are two writes. asyncio asks for this only on sockets that were
        # made with the protocol's number; without it the second one waits 40 ms for the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as fault:
        raise OSError(
            f"console and API can't listen on {shown} ({fault.strerror or fault}): choose another"
            " address with --http HOST:PORT"
        ) from None
