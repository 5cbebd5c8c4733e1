"""The catalog in files: CSV for spreadsheets, GeoJSON (RFC 7946) for maps; in and out.

A file is read whole and checked whole before anything is written. What is there already and the
same is left alone, so reading a file twice changes nothing.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.catalog.book import Catalog, Changed
from ingest.catalog.errors import CatalogError
from ingest.catalog.nouns import NOUNS, Noun, Value

_FAULTS_MAX = 20
_BYTES_MAX = 64 << 20
_GEO = frozenset((".geojson", ".json"))
_PLACE = ("longitude", "latitude")

Rows = dict[str, list[dict[str, Value]]]


def imported(
    catalog: Catalog, paths: Sequence[Path], noun: str | None = None
) -> dict[str, Changed]:
    """Take in files, all of them or nothing; return what was done by noun.

    noun  what a CSV file holds; None: its name says so (sites.csv), or else its header
    Raises CatalogError with a line for each fault: file, line, column, expected, found.
    """
    rows: Rows = {}
    faults: list[str] = []
    for path in paths:
        try:
            raw = path.read_bytes()
        except OSError as fault:
            raise CatalogError(f"{path}: {fault.strerror}") from fault
        if len(raw) > _BYTES_MAX:
            raise CatalogError(f"{path}: expected at most {_BYTES_MAX >> 20} MiB")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            raise CatalogError(
                f'{path}: expected UTF-8 (in a spreadsheet: "CSV UTF-8"), found another encoding at'
                f" byte {fault.start}"
            ) from fault
        if path.suffix.lower() in _GEO:
            found = _of_geojson(path, text, faults)
            rows.setdefault("sites", []).extend(found)
        else:
            about, found = _of_csv(path, text, noun, faults)
            rows.setdefault(about.name, []).extend(found)
    if faults:
        more = len(faults) - _FAULTS_MAX
        told = faults[:_FAULTS_MAX] + ([f"… and {more} faults more"] if more > 0 else [])
        raise CatalogError("\n".join([*told, "Nothing was taken in."]))
    return catalog.put_all(rows)


def _of_csv(
    path: Path, text: str, noun: str | None, faults: list[str]
) -> tuple[Noun, list[dict[str, Value]]]:
    head = text.partition("\n")[0]
    marks = {mark: head.count(mark) for mark in (";", ",", "\t")}
    mark = max(marks, key=lambda one: marks[one])
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    columns = [name.strip().lower() for name in lines[0]] if lines else []
    about = _noun_of(path, columns, noun)
    missing = [one.name for one in about.keys if one.name not in columns]
    if missing:
        raise CatalogError(
            f"{path}: expected a header with {', '.join(one.name for one in about.fields)};"
            f" found no {' and no '.join(missing)}"
        )
    if len(set(columns)) != len(columns):
        raise CatalogError(f"{path}: expected each column once, found {', '.join(columns)}")
    found = []
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(columns):
            faults.append(
                f"{path} line {number}: expected {len(columns)} columns, found {len(line)}"
            )
            continue
        try:
            found.append(about.row(dict(zip(columns, line, strict=True))))
        except ValueError as error:
            faults += [f"{path} line {number}: {one}" for one in str(error).splitlines()]
    return about, found


def _noun_of(path: Path, columns: Sequence[str], noun: str | None) -> Noun:
    if noun is not None:
        return NOUNS[noun]
    if path.stem.lower() in NOUNS:
        return NOUNS[path.stem.lower()]
    suits = [
        one
        for one in NOUNS.values()
        if set(columns) <= {field.name for field in one.fields}
        and {field.name for field in one.keys} <= set(columns)
    ]
    if len(suits) == 1:
        return suits[0]
    names = ", ".join(f"{name}.csv" for name in NOUNS)
    raise CatalogError(
        f"{path}: expected a file called {names}, or --as; found a header that suits"
        f" {'several' if suits else 'none'} ({', '.join(columns)[:100]})"
    )


def _of_geojson(path: Path, text: str, faults: list[str]) -> list[dict[str, Value]]:
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise CatalogError(f"{path}: expected GeoJSON, found no JSON ({error})") from error
    if not isinstance(tree, dict) or tree.get("type") != "FeatureCollection":
        raise CatalogError(f'{path}: expected a "FeatureCollection" of GeoJSON')
    if "crs" in tree and "CRS84" not in json.dumps(tree["crs"]):
        found = json.dumps(tree["crs"])[:80]
        raise CatalogError(f"{path}: expected WGS 84 (RFC 7946 knows no other), found {found}")
    rows = []
    for number, feature in enumerate(tree.get("features") or [], 1):
        try:
            rows.append(NOUNS["sites"].row(_texts(feature)))
        except ValueError as error:
            faults += [f"{path} feature {number}: {one}" for one in str(error).splitlines()]
    return rows


def _texts(feature: Any) -> dict[str, str]:
    """Return a feature as the columns of a site."""
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict):
        raise ValueError("expected a Feature with properties")
    known = {field.name for field in NOUNS["sites"].fields}
    texts = {
        name: _text_of(value) for name, value in feature["properties"].items() if name in known
    }
    if "id" in feature and "id" not in texts:
        texts["id"] = _text_of(feature["id"])
    geometry = feature.get("geometry")
    if geometry is None:
        return texts
    place = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(place, list) or geometry.get("type") != "Point" or len(place) < 2:
        raise ValueError(f"geometry: expected a Point, found {json.dumps(geometry)[:80]}")
    return texts | {name: _text_of(value) for name, value in zip(_PLACE, place, strict=False)}


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def exported(catalog: Catalog, folder: Path) -> Iterator[tuple[Path, int]]:
    """Write a CSV file for each noun, and yield its path and how many rows it has."""
    for name, noun in NOUNS.items():
        rows = catalog.rows(name)
        path = folder / f"{name}.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, [field.name for field in noun.fields])
                writer.writeheader()
                writer.writerows(noun.shown(row) for row in rows)
        except OSError as fault:
            raise CatalogError(f"{path} can't be written: {fault.strerror}") from fault
        yield path, len(rows)


def geojson(catalog: Catalog) -> dict[str, Any]:
    """Return the sites as a FeatureCollection; one without a place has no geometry."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": row["id"],
                "geometry": _point(row),
                "properties": {
                    name: value for name, value in row.items() if name not in (*_PLACE, "id")
                },
            }
            for row in catalog.rows("sites")
        ],
    }


def _point(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["longitude"] is None or row["latitude"] is None:
        return None
    return {"type": "Point", "coordinates": [row[name] for name in _PLACE]}
