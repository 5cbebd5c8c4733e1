"""The console and the page of the API: static files, and Plotly out of its own wheel."""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.problems import NotFoundError

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).with_name("console")
_GZIP_FROM = 1_000
# Not from the system's table: with "nosniff" a wrong type there would stop the page.
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


@router.get("/")
def index(request: Request) -> Response:
    """The operators' page."""
    return _answer(request, _FOLDER / "index.html")


@router.get("/docs")
def docs(request: Request) -> Response:
    """The developers' page: every route with its parameters and examples, out of /openapi.json."""
    return _answer(request, _FOLDER / "docs.html")


@router.get("/energy")
@router.get("/device")
@router.get("/anomalies")
@router.get("/quality")
@router.get("/system")
@router.get("/login")
@router.get("/city")
def page(request: Request) -> Response:
    """One of the other pages; its file is named like its path."""
    return _answer(request, _FOLDER / f"page-{request.url.path.strip('/')}.html")


@router.get("/console/{name}")
def asset(request: Request, name: str) -> Response:
    """A file of the console."""
    if name == "plotly.min.js":
        return _answer(request, _plotly())
    if name not in {path.name for path in _FOLDER.iterdir() if path.suffix in _TYPES}:
        raise NotFoundError(f"the console has no file {name[:80]}")
    return _answer(request, _FOLDER / name)


def _answer(request: Request, path: Path) -> Response:
    plain, packed, tag = _content(path, path.stat().st_mtime_ns)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if tag in [known.strip() for known in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    kind = _TYPES[path.suffix]
    if "gzip" in request.headers.get("accept-encoding", "") and packed is not None:
        return Response(packed, media_type=kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(plain, media_type=kind, headers=headers)


@cache
def _content(path: Path, changed_ns: int) -> tuple[bytes, bytes | None, str]:
    """Return a file, the same packed, and its tag; read once for each change."""
    plain = path.read_bytes()
    packed = gzip.compress(plain, 6) if len(plain) >= _GZIP_FROM else None
    return plain, packed, f'W/"{changed_ns:x}-{len(plain):x}"'  # weak: packed or not, the same


@cache
def _plotly() -> Path:
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise NotFoundError("plotly is not installed, so the console draws no charts: install it")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"
