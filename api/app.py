"""The application: all routes over one house."""

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import anomalies, console, devices, energy, live, metrics, problems, readings
from api.house import House

_ABOUT = """
Readings, windows, energy and anomalies of a city's meters and sensors.

Times are RFC 3339; without an offset they are read in the zone `tz` (Europe/Berlin). A collection
is `{"items": […], "next": cursor or null}`: pass `next` as `cursor` to get what follows. Errors are
problem documents (RFC 9457).
"""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " worker-src blob:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_DOCS = ("/docs", "/redoc")  # these pages bring their scripts from elsewhere


def create_app(house: House) -> FastAPI:
    """Return the application that answers from this house."""
    app = FastAPI(
        title="Emscher",
        version=house.version,
        description=_ABOUT,
        responses={422: problems.SCHEMA, "default": problems.SCHEMA},
    )
    app.state.house = house
    for room in (devices, readings, energy, anomalies, live, metrics, console):
        app.include_router(room.router)
    problems.install(app)
    app.add_middleware(_Headers)
    return app


class _Headers:
    """Adds the security headers to every answer, streams too, without touching its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    if name != "Content-Security-Policy" or scope["path"] not in _DOCS:
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_on if scope["type"] == "http" else send)
