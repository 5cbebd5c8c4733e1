"""The console: static files of this folder, and Plotly out of its own wheel."""

import gzip
import mimetypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.problems import NotFoundError

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).with_name("console")
_GZIP_FROM = 1_000


@router.get("/")
def index(request: Request) -> Response:
    """The operators' page."""
    return _answer(request, _FOLDER / "index.html")


@router.get("/console/{name}")
def asset(request: Request, name: str) -> Response:
    """A file of the console."""
    if name == "plotly.min.js":
        return _answer(request, _plotly())
    path = _FOLDER / name
    if path.parent != _FOLDER or not path.is_file():
        raise NotFoundError(f"the console has no file {name}")
    return _answer(request, path)


def _answer(request: Request, path: Path) -> Response:
    plain, packed, tag = _content(path, path.stat().st_mtime_ns)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if "gzip" in request.headers.get("accept-encoding", "") and packed is not None:
        return Response(packed, media_type=kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(plain, media_type=kind, headers=headers)


@cache
def _content(path: Path, changed_ns: int) -> tuple[bytes, bytes | None, str]:
    """Return a file, the same packed, and its tag; read once for each change."""
    plain = path.read_bytes()
    packed = gzip.compress(plain, 6) if len(plain) >= _GZIP_FROM else None
    return plain, packed, f'"{changed_ns:x}-{len(plain):x}"'


@cache
def _plotly() -> Path:
    spec = find_spec("plotly")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    return folder / "package_data" / "plotly.min.js"
