"""What is missing in the catalog, or does not go together."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

from ingest.catalog.book import Catalog
from ingest.clock import iso

_NAMED = 5


def checked(catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for everything that somebody should look at; none: all is well."""
    sites, devices, meters = (catalog.rows(noun) for noun in ("sites", "devices", "meters"))
    yield from _some("device", "has no site", [one["id"] for one in devices if not one["site"]])
    placeless = [one["id"] for one in sites if one["latitude"] is None or one["longitude"] is None]
    yield from _some("site", "has no place on the map", placeless)
    used = {one["site"] for one in devices}
    yield from _some("site", "has no device", [s["id"] for s in sites if s["id"] not in used])
    of = {one["id"]: one["tenant"] for one in sites}
    for one in devices:
        if one["site"] and one["tenant"] and of[one["site"]] != one["tenant"]:
            yield (
                f"device {one['id']} belongs to {one['tenant']}, and its site {one['site']} to"
                f" {of[one['site']]}: the site counts"
            )
    known = {one["id"] for one in devices}
    for one in devices:
        if one["feeder"] == one["id"]:
            yield f"device {one['id']} feeds itself: expected the station before it"
        elif one["feeder"] and one["feeder"] not in known:
            yield f"device {one['id']} is fed by {one['feeder']}, which is no device that is known"

    def place(one: dict[str, Any]) -> tuple[str, str, str]:
        return one["device"], one["quantity"], one["channel"]

    for where, group in groupby(meters, key=place):
        name = " ".join(where).strip()
        rows = list(group)
        for one in rows:
            if one["removed"] is not None and one["removed"] <= one["installed"]:
                yield f"meter {name}: removed ({iso(one['removed'])}) before it was installed"
        for old, new in pairwise(rows):
            if old["removed"] is None or old["removed"] > new["installed"]:
                yield (
                    f"meter {name}: {old['serial'] or 'the one before'} is still there when"
                    f" {new['serial'] or 'the next one'} comes ({iso(new['installed'])})"
                )
            elif old["last_register"] is None or new["first_register"] is None:
                yield (
                    f"meter {name}: of the exchange at {iso(new['installed'])} it is not known what"
                    " both meters showed"
                )


def _some(noun: str, what: str, names: list[str]) -> Iterator[str]:
    if names:
        shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        plural = f"{len(names)} {noun}s" if len(names) > 1 else f"{noun}"
        verb = what.replace("has", "have") if len(names) > 1 else what
        yield f"{plural} {verb}: {shown}"
