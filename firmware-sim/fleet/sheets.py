"""Tables of three kinds of file as texts: CSV, Parquet, and JSON Lines of one object a row.

Every cell becomes the text that a CSV would have, so that what follows reads one thing only: a
number keeps the digits that the file has for it, a time of Parquet is written with its offset, or
without one where the file knows none; null and a key that is missing are "".
"""

import io
import zlib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl

from fleet.errors import TableError
from fleet.recording import opened

PARQUET = b"PAR1"
_ROWS = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as texts: every cell stripped, a missing one "".

    numbered  what counts its rows, "line" or "row", and the number of the first
    """

    path: Path
    frame: pl.DataFrame
    decimal_comma: bool
    numbered: tuple[str, int] = ("line", 2)

    def column(self, name: str) -> list[str]:
        """Return a column's cells."""
        return list(self.frame[name])

    def where(self, row: int) -> str:
        """Return file and line (or row) of a row, as an editor (or a viewer) counts them."""
        word, first = self.numbered
        return f"{self.path}, {word} {row + first}"

    @property
    def names(self) -> str:
        """Return where the names of the columns are."""
        return f"{self.path}, line 1" if self.numbered[0] == "line" else f"{self.path}, columns"


def read_grid(path: Path) -> Grid:
    """Return a table's cells as text; the content says which kind of file it is.

    Errors  TableError where it is none, or has no rows
    """
    try:
        with opened(path) as file:
            data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{path}: expected a file that can be read, found {error}") from error
    if data[:4] == PARQUET:
        return _parquet(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: expected a CSV in UTF-8, found {error}") from error
    if text.lstrip()[:1] == "{":
        return _json_lines(path, text)
    return _csv(path, text)


def _csv(path: Path, text: str) -> Grid:
    header = text.partition("\n")[0]
    separator = max(";\t,", key=header.count)
    if separator not in header:
        raise TableError(
            f"{path}, line 1: expected column names with , or ; or tab between them, "
            f"found {header[:60]!r}"
        )
    try:
        frame = pl.read_csv(
            io.BytesIO(text.encode()), separator=separator, infer_schema=False,
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise TableError(f"{path}: expected rows as long as the first, found: {reason}") from error
    if frame.is_empty():
        raise TableError(f"{path}: expected rows under the column names, found none")
    frame = frame.select(pl.all().fill_null("").str.strip_chars())
    return Grid(path, frame, decimal_comma=separator != ",")


def _parquet(path: Path, data: bytes) -> Grid:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise TableError(f"{path}: expected a whole Parquet file, found: {reason}") from error
    if frame.is_empty():
        raise TableError(f"{path}: expected rows, found none")
    texts = []
    for name, kind in frame.schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            raise TableError(
                f"{path}, column {name!r}: expected numbers, texts or times, found {kind}"
            )
        column = pl.col(name)
        texts.append(
            column.dt.to_string("iso:strict") if kind == pl.Datetime else column.cast(pl.String)
        )
    frame = frame.select(texts).select(pl.all().fill_null("").str.strip_chars())
    return Grid(path, frame, decimal_comma=False, numbered=("row", 1))


def _json_lines(path: Path, text: str) -> Grid:
    columns: dict[str, list[str]] = {}
    count = 0
    for number, line in enumerate(text.rstrip().split("\n"), 1):
        for name, value in _row(path, number, line).items():
            cells = columns.setdefault(name, [])
            cells += [""] * (count - len(cells))
            cells.append(_cell(path, number, name, value))
        count += 1
    frame = pl.DataFrame(
        {name: [*cells, *[""] * (count - len(cells))] for name, cells in columns.items()},
        schema=dict.fromkeys(columns, pl.String),
    )
    return Grid(path, frame, decimal_comma=False, numbered=("line", 1))


def _row(path: Path, number: int, line: str) -> dict[str, object]:
    try:
        row = _ROWS.decode(line)
    except msgspec.DecodeError as error:
        raise TableError(
            f"{path}, line {number}: expected a JSON object, found {line[:60]!r} ({error})"
        ) from error
    if not isinstance(row, dict):
        raise TableError(f"{path}, line {number}: expected a JSON object, found {line[:60]!r}")
    return row


def _cell(path: Path, number: int, name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (str, int, Decimal)):
        return str(value).strip()
    raise TableError(
        f"{path}, line {number}, key {name!r}: expected a number or a text, found "
        f"{type(value).__name__} {str(value)[:40]!r}"
    )
