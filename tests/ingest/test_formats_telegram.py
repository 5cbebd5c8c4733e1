"""Raw telegrams on any topic: what is claimed by its shape, what is not, and whose it is."""

import base64
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.formats import telegram
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message

VECTORS = Path(__file__).parents[1] / "vectors"
SML = [
    bytes.fromhex(row["hex"])
    for row in json.loads((VECTORS / "sml_telegrams.json").read_text("utf-8"))
]
ISKRA, DZG, HOLLEY = SML[:3]
P1 = {
    row["name"].removeprefix("TELEGRAM_"): row["telegram"].encode("latin-1")
    for row in json.loads((VECTORS / "dsmr_telegrams.json").read_text("utf-8"))
}
MBUS = bytes.fromhex(
    "685656680801722315010977041407250000000c78231501090d7c084449202e747375630a3535373637304"
    "14c3930046d1a0ecd13027c09656d6974202e746162d40904131f00000004937f0000000044131f0000000f"
    "00011fa916"
)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SETUP = Setup(AMSTERDAM)
NOW = rfc3339_ns("2026-03-01T12:00:00Z")


def read(payload: bytes, topic: str = "house/7/meter", setup: Setup = SETUP) -> Message:
    return telegram.read(Envelope("mqtt", topic, payload, NOW), setup)


def claimed(payload: bytes) -> bool:
    return telegram.claims("any/topic", payload, SETUP)


def spelled(raw: bytes) -> dict[str, bytes]:
    spaced = raw.hex(" ").upper()
    return {
        "bytes": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode() + b"\n",
        "spaced": spaced.encode(),
        "dump": "\r\n".join(spaced[at : at + 48] for at in range(0, len(spaced), 48)).encode(),
        "colons": raw.hex(":").encode(),
        "0x": b"0x" + raw.hex().encode(),
        "base64": base64.b64encode(raw),
        "mime": base64.encodebytes(raw),
    }


@pytest.mark.parametrize("way", sorted(spelled(b"")))
@pytest.mark.parametrize("raw", [ISKRA, HOLLEY[8:-8], MBUS])
def test_bytes_hex_and_base64(raw: bytes, way: str):
    payload = spelled(raw)[way]
    assert claimed(payload)
    assert read(payload) == read(raw)
    assert read(payload).measurements


def test_sml():
    message = read(ISKRA)
    assert message.device == "1ISK0067362659"
    assert message.time_ns is None  # a secIndex is no time of day
    assert message.format == "telegram"
    assert message.state["129-129:199.130.3*255"] == "ISK"
    assert message.others == ()


def test_a_correction_is_told():
    notes: list[str] = []
    message = read(DZG, setup=Setup(AMSTERDAM, notes=notes))
    assert message.state["corrected"] == ["1-0:36.7.0*255"]
    assert any("1-0:36.7.0*255" in note for note in notes)


def test_p1_and_its_further_meters():
    message = read(P1["FLUVIUS_V171"])
    assert claimed(P1["FLUVIUS_V171"])
    assert message.device == "1SAG3101021605"
    assert message.model == "FLU5\\253769484_A"
    assert message.time_ns == rfc3339_ns("2020-05-12T11:54:09Z")
    gas, water = message.others
    assert (gas.device, water.device) == ("7FLO2119033733", "8SAG1234567890")
    assert gas.time_ns == rfc3339_ns("2020-05-12T11:45:58Z")
    assert [one.quantity for one in gas.measurements] == ["gas_volume"]
    assert gas.format == "telegram"


def test_what_states_no_number_is_named_by_its_topic():
    assert read(P1["SAGEMCOM_T210_D_R"], "street/9/p1").device == "street/9/p1"
    nameless = read(P1["V2_2"])
    assert nameless.device == "house/7/meter"
    assert nameless.time_ns is None


def test_d0():
    message = read(P1["ESY5Q3DA1004_V304"])
    assert message.device == "1ESY1336001560"
    assert message.model == "ESY5Q3DA1004 V3.04"


def test_a_frame_that_cannot_be_read_does_not_hide_another():
    notes: list[str] = []
    request = bytes.fromhex("6805056853fe510102a516")
    message = read(MBUS + request + MBUS, setup=Setup(AMSTERDAM, notes=notes))
    assert message == read(MBUS)
    assert any("request" in note for note in notes)
    with pytest.raises(PayloadError, match="request"):
        read(request)


def test_m_bus():
    message = read(MBUS)
    assert message.device == "ACW09011523"
    assert message.state["medium"] == "water"
    assert any(one.quantity == "water_volume" for one in message.measurements)


def test_an_encrypted_radio_frame_is_opened_with_the_key_of_its_number():
    """The example of the OMS Specification, volume 2, annex N.2: a gas meter."""
    frame = bytes.fromhex(
        "2e4493157856341233037a2a0020255923c95aaa26d1b2e7493b013ec4a6f6d3"
        "529b520edff0ea6defc99d6d69ebf3"
    )
    assert claimed(frame)
    with pytest.raises(PayloadError, match="encrypted"):
        read(frame)
    key = bytes.fromhex("0102030405060708090a0b0c0d0e0f11")
    message = read(frame, setup=Setup(AMSTERDAM, keys={"12345678": key}))
    assert message.device == "ELS12345678"
    assert ("gas_volume", 28504.27) in {(one.quantity, one.value) for one in message.measurements}


def test_every_telegram_of_the_vectors_is_claimed_and_read():
    for raw in [*P1.values(), *SML[:3]]:
        assert claimed(raw)
        assert read(raw).measurements or read(raw).others


def test_telegrams_of_two_meters_are_two_devices():
    message = read(ISKRA + b"noise" + HOLLEY)
    assert [message.device, *(other.device for other in message.others)] == [
        "1ISK0067362659",
        "1HLY0200271520",
    ]


def test_of_values_without_a_time_the_last_counts():
    notes: list[str] = []
    old = P1["V2_2"].replace(
        b"1-0:1.7.0(0001.01*kW)", b"1-0:1.7.0(0009.99*kW)\r\n1-0:32.7.0(230*V)"
    )
    told = read(old + P1["V2_2"], setup=Setup(AMSTERDAM, notes=notes)).measurements
    power = [one.value for one in told if (one.quantity, one.channel) == ("active_power", "import")]
    assert power == [1010.0]
    assert [one.value for one in told if one.quantity == "voltage"] == [230.0]
    assert any("the last counts" in note for note in notes)
    assert read(HOLLEY + HOLLEY) == read(HOLLEY)


def test_telegrams_with_times_keep_them_all():
    old, new = P1["FLUVIUS_V171"], P1["FLUVIUS_V171"]
    once = read(old)
    message = read(old + new)
    assert {one.time_ns for one in message.measurements} >= {once.time_ns}
    assert len(message.measurements) == len(once.measurements)  # the same telegram twice
    assert message.device == once.device


def test_a_broken_telegram_beside_a_good_one_is_told():
    notes: list[str] = []
    broken = P1["ISKRA_IE"].replace(b"10.181", b"10.191")
    message = read(broken + P1["FLUVIUS_V171"], setup=Setup(AMSTERDAM, notes=notes))
    assert message.device == "1SAG3101021605"
    assert any("CRC" in note for note in notes)
    with pytest.raises(PayloadError, match="CRC"):
        read(broken)


@pytest.mark.parametrize(
    "payload",
    [
        ISKRA[:100],
        ISKRA[100:],
        ISKRA[:-1],
        P1["FLUVIUS_V171"][:300],
        P1["FLUVIUS_V171"][300:],
        MBUS[:-1],
        MBUS[:-2] + b"\x00\x16",
        base64.b64encode(ISKRA[:-4]),
        ISKRA[:50].hex().encode(),
    ],
)
def test_cut_telegrams_are_ours_and_are_refused(payload: bytes):
    assert claimed(payload)
    with pytest.raises(PayloadError):
        read(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"21.5",
        b"1234567890123456",
        b"6812126800000000",
        b"online",
        b"OFFLINE_UNEXPECTEDLY",
        b'{"ENERGY":{"Total":1.8},"raw":"1b1b1b1b01010101"}',
        b'["/ISk5", "1.8.0(1*kWh)"]',
        b"/dev/ttyUSB0\nis open",
        b"see https://example.org/abc\n(version 1.8.0)",
        b"The value (1.8.0) is 5\n",
        b"vzlogger 0.8.0 (libsml)\n",
        b"deadbeefdeadbeefdeadbeef",
        b"1b1b1b1b01010101f",
        b"GxsbGwEBAQF2BQ8aIGBiAGIAcmM",  # base64 cut in a group
        bytes(40),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"weather,location=us temperature=82 1465839830100400200\n",
        "grüße".encode(),
    ],
)
def test_other_messages_are_not_claimed(payload: bytes):
    assert not claimed(payload)


def test_too_long():
    with pytest.raises(PayloadError, match="at most"):
        read(ISKRA * 2000)


@settings(max_examples=300)
@given(st.binary(max_size=150) | st.text(max_size=80).map(str.encode))
def test_any_payload_is_read_or_refused(payload: bytes):
    for whole in (payload, ISKRA[:60] + payload, b"/ISk5X\r\n" + payload + b"\r\n!\r\n"):
        ours = claimed(whole)
        try:
            read(whole)
        except PayloadError:
            continue
        assert ours  # whatever can be read is claimed


@given(st.recursive(st.none() | st.floats() | st.text(), st.lists, max_leaves=8))
def test_json_is_never_claimed(tree: object):
    assert not claimed(json.dumps(tree).encode())
    assert not claimed(json.dumps({"value": tree}).encode())
