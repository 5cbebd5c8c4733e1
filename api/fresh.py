"""ETag: whoever has an answer already is told so instead of being sent it again (RFC 9110, 8.8)."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Fresh:
    """Marks whole JSON answers to GET, and answers 304 to whoever holds the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        held = Headers(scope=scope).get("if-none-match", "")
        start: Message = {}

        async def send_on(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if message["status"] == 200 and kind.startswith("application/json"):
                    start = message  # what it is marked with is known with its body
                    return
            elif start:
                begun, start = start, {}
                if not message.get("more_body"):
                    begun, message = _marked(begun, message, held)
                await send(begun)
            await send(message)

        await self._app(scope, receive, send_on)


def _marked(start: Message, body: Message, held: str) -> tuple[Message, Message]:
    """Return an answer with its mark, or that nothing has changed."""
    digest = hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()
    mark = f'W/"{digest}"'  # weak: compressed or not, it is the same
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["ETag"] = mark
    headers.setdefault("Cache-Control", "no-cache")  # kept, and asked for again each time
    if mark in (one.strip() for one in held.split(",")) or held.strip() == "*":
        for name in ("content-length", "content-type"):
            del headers[name]
        return {**start, "status": 304, "headers": headers.raw}, {**body, "body": b""}
    return {**start, "headers": headers.raw}, body
