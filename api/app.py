"""The application: all routes over one house."""

from fastapi import Depends, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import (
    anomalies,
    console,
    cost,
    degree_days,
    devices,
    energy,
    energy_explained,
    energy_sums,
    environment,
    erase,
    health,
    heatmap,
    live,
    load,
    login,
    messages,
    meters,
    metrics,
    problems,
    public,
    quality,
    quarantine,
    readings,
    remarks,
    sites,
    tariffs,
)
from api.description import DescribedApi
from api.fresh import Fresh
from api.gate import Gate, Guard
from api.house import House
from api.problems import BadQueryError
from api.sight import Sights

_ABOUT = """
Readings, windows, energy and anomalies of a city's meters and sensors.

Times are RFC 3339; without an offset they are read in the zone `tz` (Europe/Berlin). A collection
is `{"items": […], "next": cursor or null}`: pass `next` as `cursor` to get what follows. Errors are
problem documents (RFC 9457). With `format=csv`, `arrow` or `parquet` the whole collection comes as
one table. A parameter that a path does not know is an error, not ignored: a misspelt `start` must
not become an answer about all time.
"""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " worker-src blob:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(house: House, guard: Guard | None = None) -> FastAPI:
    """Return the application that answers from this house; guard None: whoever asks."""
    app = DescribedApi(
        title="Emscher",
        version=house.version,
        description=_ABOUT,
        responses={422: problems.SCHEMA, "default": problems.SCHEMA},
        docs_url=None,  # FastAPI's pages fetch their scripts from elsewhere; ours is in console.py
        redoc_url=None,
    )
    app.state.house, app.state.guard, app.state.narrowed = house, guard, Sights()
    for room in (
        health,
        devices,
        sites,
        messages,
        meters,
        readings,
        energy,
        energy_explained,
        energy_sums,
        load,
        heatmap,
        cost,
        degree_days,
        tariffs,
        environment,
        erase,
        anomalies,
        remarks,
        quality,
        quarantine,
        live,
        login,
        public,
    ):
        app.include_router(room.router, dependencies=[Depends(_known_parameters)])
    app.include_router(metrics.router)
    app.include_router(console.router)
    problems.install(app, _HEADERS)
    app.add_middleware(Fresh)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Gate, guard=guard)
    app.add_middleware(_Headers)
    return app


def _known_parameters(request: HTTPConnection) -> None:
    """Refuse a parameter that the path does not know, or that is given twice."""
    own = request.scope["route"].dependant
    known = {field.alias for field in own.query_params}
    known |= {field.alias for one in own.dependencies for field in one.query_params}
    asked = request.query_params.multi_items()
    for name, found in asked:
        if name not in known:
            takes = f"one of {', '.join(sorted(known))}" if known else "no parameter at all"
            raise BadQueryError("parameter", takes, name)
        if sum(name == other for other, _ in asked) > 1:
            raise BadQueryError(name, "one value", f"{found}, and more")


class _Headers:
    """Adds the security headers to every answer, streams too, without touching its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_on if scope["type"] == "http" else send)
