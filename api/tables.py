"""Collections as tables: CSV, Arrow and Parquet, the whole of them instead of a page.

A route that is made by `Tables` answers JSON page by page. Asked for a table (`format=`, or by the
Accept header) it goes from page to page itself. CSV is sent as it comes; for Arrow and Parquet the
pages are put into files first, so that memory holds one page at a time. A `limit` gives one page as
a table; a `Link` header leads to the next.
"""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import polars as pl
from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from api.paging import LIMIT_MAX
from ingest.clock import rfc3339_ns

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Json = dict[str, Any]
_TIMES = frozenset(
    (
        *("start", "end", "time", "first", "last", "received", "known_from", "known_to"),
        *("first_seen", "last_seen"),
    )
)
_TIME = pl.Datetime("ns", "UTC")
_PLAIN: dict[object, pl.DataType] = {
    str: pl.String(), float: pl.Float64(), int: pl.Int64(), bool: pl.Boolean(),
}  # fmt: skip


class Form(StrEnum):
    """In what form a collection is answered."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


MEDIA = {
    Form.JSON: "application/json",
    Form.CSV: "text/csv",
    Form.ARROW: "application/vnd.apache.arrow.file",
    Form.PARQUET: "application/vnd.apache.parquet",
}


def _asked(
    format: Annotated[
        Form | None,
        Query(
            description="json; or the whole collection as csv, arrow (IPC file) or parquet. Else"
            " what the Accept header asks for",
            examples=["csv"],
        ),
    ] = None,
) -> None:
    """Take the parameter that `Tables` reads itself."""


AS_TABLE = [Depends(_asked)]
"""Dependencies of a route that answers with tables, too."""


class Tables(APIRoute):
    """A route whose collection is a table where one is asked for."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        as_json = super().get_route_handler()
        if not any(one.call is _asked for one in self.dependant.dependencies):
            return as_json

        async def handler(request: Request) -> Response:
            form = _form(request)
            if form is Form.JSON:
                answer = await as_json(request)
            else:
                answer = await self._table(as_json, request, form)
            answer.headers["Vary"] = "Accept"
            return answer

        return handler

    async def _table(self, as_json: Handler, request: Request, form: Form) -> Response:
        paged = any(one.alias == "limit" for one in self.dependant.query_params)
        pages = _pages(as_json, request, paged)
        first = await anext(pages)
        columns = _columns(self.response_model, first)
        name = f"{request.url.path.rpartition('/')[2]}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'} | _beside(
            request, first
        )
        if form is Form.CSV:

            async def lines() -> AsyncIterator[bytes]:
                yield columns.frame(first).write_csv().encode()
                async for page in pages:
                    yield columns.frame(page).write_csv(include_header=False).encode()

            media = f"{MEDIA[form]}; charset=utf-8"
            return StreamingResponse(lines(), media_type=media, headers=headers)
        folder = Path(tempfile.mkdtemp(prefix="emscher-table-"))
        try:
            await run_in_threadpool(columns.put, first, folder / "00000.part")
            number = 0
            async for page in pages:
                number += 1
                await run_in_threadpool(columns.put, page, folder / f"{number:05}.part")
            await run_in_threadpool(_joined, folder, name, form)
        except BaseException:
            shutil.rmtree(folder)
            raise
        gone = BackgroundTask(shutil.rmtree, folder)
        return FileResponse(folder / name, media_type=MEDIA[form], headers=headers, background=gone)


def _beside(request: Request, page: Json) -> dict[str, str]:
    """Return as headers what a page says beside its items, for which a table has no place.

    `Link` leads to what follows a page of a limit (RFC 8288); `Emscher-Note` is percent-encoded.
    """
    headers = {}
    if page.get("note") is not None:
        headers["Emscher-Note"] = quote(page["note"])
    if "limit" in request.query_params and page.get("next") is not None:
        asked = urlencode({**request.query_params, "cursor": page["next"]})
        headers["Link"] = f'<{request.url.path}?{asked}>; rel="next"'
    return headers


def _form(request: Request) -> Form:
    """Return the form that is asked for; one that is none is refused with the other parameters."""
    typed = request.query_params.get("format")
    if typed is not None:
        return Form(typed) if typed in set(Form) else Form.JSON
    best, best_q = Form.JSON, 0.0
    for part in request.headers.get("accept", "").split(","):
        media, *more = (one.strip() for one in part.split(";"))
        told = next((one[2:] for one in more if one.startswith("q=")), "1")
        q = float(told) if told.replace(".", "", 1).isdigit() else 0.0
        form = next((form for form, name in MEDIA.items() if name == media), None)
        form = Form.JSON if media == "*/*" else form
        if form is not None and q > best_q:
            best, best_q = form, q
    return best


async def _pages(as_json: Handler, request: Request, paged: bool) -> AsyncIterator[Json]:
    """Yield the pages from here to the end, or the one of a limit that was asked for."""
    asked = dict(parse_qsl(request.url.query, keep_blank_values=True))
    one_page = "limit" in asked
    if paged:
        asked.setdefault("limit", str(LIMIT_MAX))
    while True:
        scope = dict(request.scope, query_string=urlencode(asked).encode())
        answer = await as_json(Request(scope, request.receive))
        page: Json = msgspec.json.decode(answer.body)
        yield page
        if one_page or page.get("next") is None:
            return
        asked["cursor"] = page["next"]


class _Columns:
    """How the items of a collection become columns."""

    def __init__(self, head: list[str], kinds: dict[tuple[str, ...], pl.DataType]) -> None:
        """head: names of the page that go before those of each item; kinds: by path in an item."""
        self._head, self._kinds = head, kinds

    def frame(self, page: Json) -> pl.DataFrame:
        """Return a page's items as text and numbers; times are as they are told."""
        items = page["items"]
        columns = {name: [page[name]] * len(items) for name in self._head}
        schema: dict[str, pl.DataType] = dict.fromkeys(self._head, pl.String())
        for path, kind in self._kinds.items():
            name = "_".join(path)
            columns[name] = [_found(item, path) for item in items]
            schema[name] = kind
        return pl.DataFrame(columns, schema=schema, strict=False)

    def put(self, page: Json, path: Path) -> None:
        """Write a page's items into a file, with times as times."""
        frame = self.frame(page)
        for place, kind in self._kinds.items():
            name = "_".join(place)
            if place[-1] in _TIMES and kind == pl.String:
                told = [None if one is None else rfc3339_ns(one) for one in frame[name]]
                frame = frame.with_columns(pl.Series(name, told, pl.Int64).cast(_TIME))
        frame.write_parquet(path)


def _columns(model: Any, first: Json) -> _Columns:
    """Return the columns of a collection; `first` says which of those that may be absent are."""
    items = _items_of(model)
    absent = (
        set(items.model_fields) - set(first["items"][0])
        if first["items"]
        else {name for name, field in items.model_fields.items() if not field.is_required()}
    )
    kinds: dict[tuple[str, ...], pl.DataType] = {}
    for name, field in items.model_fields.items():
        if name in absent:
            continue
        inner = _bare(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            for own, one in inner.model_fields.items():
                kinds[name, own] = _PLAIN.get(_bare(one.annotation), pl.String())
        else:
            kinds[(name,)] = _PLAIN.get(inner, pl.String())
    head = [name for name in first if name not in {"items", "next", "note", *items.model_fields}]
    return _Columns(head, kinds)


def _items_of(model: Any) -> type[BaseModel]:
    """Return the model of a page's items."""
    (found,) = get_args(model.model_fields["items"].annotation)
    items: type[BaseModel] = found
    return items


def _bare(annotation: Any) -> Any:
    """Return a type without its "or nothing"."""
    if get_origin(annotation) is None:
        return annotation
    some = [one for one in get_args(annotation) if one is not NoneType]
    return some[0] if len(some) == 1 and NoneType in get_args(annotation) else annotation


def _found(item: Json, path: tuple[str, ...]) -> Any:
    """Return what lies at a path; what is no plain value as JSON."""
    value: Any = item
    for name in path:
        value = None if value is None else value[name]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _joined(folder: Path, name: str, form: Form) -> None:
    """Put the parts of a table into one file, a part at a time."""
    parts = pl.scan_parquet(sorted(folder.glob("*.part")))
    if form is Form.PARQUET:
        parts.sink_parquet(folder / name)
    else:
        parts.sink_ipc(folder / name)
