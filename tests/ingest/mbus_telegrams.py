"""M-Bus frames for the tests: those of real meters, and frames built by hand."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.meters import mbus

BERLIN = ZoneInfo("Europe/Berlin")
RECEIVED_NS = 1_700_000_000 * 10**9
FRAMES = json.loads((Path(__file__).parents[1] / "vectors" / "mbus_frames.json").read_text("utf-8"))
GOOD = [one for one in FRAMES if one["set"] == "test-frames"]
BAD = [one for one in FRAMES if one["set"] == "error-frames"]


def told_by(name):
    return mbus.telegram(bytes.fromhex(next(one["hex"] for one in FRAMES if one["name"] == name)))


def measured(told):
    found = mbus.measurements(told, BERLIN, RECEIVED_NS)
    return {(one.quantity, one.channel, one.time_ns): one.value for one in found}


def instant_ns(text):
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


def wired(body, control=0x08, address=1, ci=0x72):
    content = bytes([control, address, ci]) + body
    size = len(content)
    return bytes([0x68, size, size, 0x68]) + content + bytes([sum(content) & 0xFF, 0x16])


HEADER = bytes.fromhex("785634129315330255040000")
"""12345678, manufacturer 1593h (EMS), generation 51, electricity, access 85, status 4, no mode."""
