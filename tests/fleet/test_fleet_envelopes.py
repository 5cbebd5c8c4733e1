"""What is wrapped around a payload: ChirpStack's event, Tasmota's SENSOR, and their times."""

import base64
import json
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from fleet import chirpstack, tasmota
from fleet.message import rfc3339, time_ns_of
from fleet.network import Heard, Identity, Uplink

IDENTITY = Identity(
    dev_eui="02aa000000000001",
    name="dortmund-hoerde-schule-co2",
    profile="ELSYS ERS CO2",
    tenant="Dortmund",
    application="dortmund-sensors",
    tags={"district": "Hörde"},
)
HEARD = Heard(gateway_id="02bb000000000001", rssi=-97, snr=5.25, channel=1)
TIME_NS = 1_774_958_400_000_000_001


def _uplink(**changes):
    up = Uplink(TIME_NS, f_cnt=9, f_port=5, data=b"\x01\x00\xe2", dr=3, heard=(HEARD,))
    return chirpstack.uplink(IDENTITY, up._replace(**changes))


def test_an_uplink_holds_what_a_network_server_says():
    message = _uplink()
    event = json.loads(message.payload)
    assert message.topic.split("/")[::2] == ["application", "device", "event"]
    assert message.topic.endswith("/device/02aa000000000001/event/up")
    assert message.topic.split("/")[1] == event["deviceInfo"]["applicationId"]
    assert event["time"] == "2026-03-31T12:00:00.000000001+00:00"
    assert event["deviceInfo"]["deviceProfileName"] == "ELSYS ERS CO2"
    assert event["deviceInfo"]["tags"] == {"district": "Hörde"}
    assert base64.b64decode(event["data"]) == b"\x01\x00\xe2"
    assert (event["fCnt"], event["fPort"], event["dr"]) == (9, 5, 3)
    assert event["rxInfo"][0]["rssi"] == -97
    assert event["txInfo"]["modulation"]["lora"]["spreadingFactor"] == 9
    for name in ("deduplicationId", "applicationId"):
        assert str(UUID(event.get(name) or event["deviceInfo"][name]))


def test_zeros_are_left_out_as_the_real_one_does():
    heard = HEARD._replace(snr=0.0, channel=0)
    event = json.loads(_uplink(f_cnt=0, f_port=0, data=b"", dr=0, heard=(heard,)).payload)
    assert not event.keys() & {"fCnt", "fPort", "dr", "data", "confirmed"}
    assert not event["rxInfo"][0].keys() & {"snr", "channel"}


def test_an_id_belongs_to_one_frame():
    ids = [
        json.loads(message.payload)["deduplicationId"]
        for message in (_uplink(), _uplink(), _uplink(time_ns=TIME_NS + 1), _uplink(f_cnt=10))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("with_offset", "zone", "time"),
    [
        (True, ZoneInfo("Europe/Berlin"), "2026-03-31T14:00:00+02:00"),
        (False, ZoneInfo("Europe/Berlin"), "2026-03-31T14:00:00"),
        (True, UTC, "2026-03-31T12:00:00+00:00"),
        (False, timezone(timedelta(hours=-3, minutes=-30)), "2026-03-31T08:30:00"),
    ],
)
def test_a_sensor_message_names_its_second(with_offset, zone, time):
    message = tasmota.sensor(
        "zaehler",
        time_ns=TIME_NS + 999_999_998,
        group="SML",
        fields={"Total_in": tasmota.kwh(12_345_000), "Power_curr": -7},
        zone=zone,
        with_offset=with_offset,
    )
    assert message.topic == "tele/zaehler/SENSOR"
    assert message.time_ns == TIME_NS - 1
    assert message.payload.decode() == (
        f'{{"Time":"{time}","SML":{{"Total_in":12345.000,"Power_curr":-7}}}}'
    )


def test_kwh_keeps_every_wh():
    assert tasmota.kwh(1) == Decimal("0.001")
    assert str(tasmota.kwh(999_999_999_999)) == "999999999.999"


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        ("2026-03-31 12:00:00.000000001z", TIME_NS),
        ("1969-12-31T23:59:59.999999999Z", -1),
    ],
)
def test_times_are_exact_both_ways(text, time_ns):
    assert time_ns_of(text) == time_ns
    assert time_ns_of(rfc3339(time_ns)) == time_ns


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-31T12:00:00", "2026-13-01T00:00:00Z"])
def test_a_text_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"expected|month"):
        time_ns_of(text)


def test_an_uplink_has_the_shape_of_a_real_one():
    events = json.loads(
        (Path(__file__).parents[1] / "vectors" / "chirpstack_v4_events.json").read_text()
    )
    real = next(event["json"] for event in events if event["event"] == "up")
    ours = json.loads(_uplink().payload)
    assert _kinds(real).items() <= (_kinds(ours) | _optional(real)).items()


def _kinds(value, path=""):
    """Return path -> JSON type of every leaf; items of a list share a path."""
    if isinstance(value, dict):
        return {
            k: v for key, item in value.items() for k, v in _kinds(item, f"{path}.{key}").items()
        }
    if isinstance(value, list):
        return {k: v for item in value for k, v in _kinds(item, f"{path}[]").items()}
    return {path: type(value).__name__}


def _optional(real):
    """Leaves that a network server adds by its own configuration: context, metadata, other tags."""
    words = (".context", ".metadata", ".tags")
    return {
        path: kind for path, kind in _kinds(real).items() if any(word in path for word in words)
    }
