"""SML telegrams against real ones, a reader and a CRC written apart from the encoder."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import sml
from fleet.errors import EncodingError
from ingest.decode import Decoder
from ingest.formats import telegram
from ingest.meters import sml as reader
from ingest.reading import Envelope

VECTORS = Path(__file__).parents[1] / "vectors" / "sml_telegrams.json"
REAL = {
    row["meter"].split()[0]: bytes.fromhex(row["hex"]) for row in json.loads(VECTORS.read_text())
}
METER = "1EMH0012345678"
ESCAPE = b"\x1b" * 4


def x25(data: bytes) -> int:
    """CRC-16/X-25 bit by bit, as ISO/IEC 13239 has it."""
    crc = 0xFFFF
    for byte in data:
        for bit in range(8):
            is_set = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x8408 if is_set else 0)
    return crc ^ 0xFFFF


def element(data: bytes, at: int):
    """Return the element at a byte, and where the next one begins."""
    kind, size, start = data[at] >> 4 & 7, data[at] & 15, at
    while data[at] & 0x80:
        at += 1
        size = size << 4 | data[at] & 15
    at += 1
    if kind == 7:
        parts = []
        for _ in range(size):
            part, at = element(data, at)
            parts.append(part)
        return parts, at
    if size == 0:
        return "end", at
    end = start + size
    raw = data[at:end]
    if kind == 5:
        return int.from_bytes(raw, "big", signed=True), end
    return (int.from_bytes(raw, "big") if kind == 6 else raw), end


def unwrapped(file: bytes) -> bytes:
    """Check the transport of one file and return its messages with their padding cut."""
    assert file[:8] == ESCAPE + b"\x01" * 4
    assert len(file) % 4 == 0
    assert file[-8:-3] == ESCAPE + b"\x1a"
    assert int.from_bytes(file[-2:], "little") == x25(file[:-2])
    zeros = file[-3]
    body = file[8 : -8 - zeros]
    assert file[8 + len(body) : -8] == bytes(zeros)
    return body.replace(ESCAPE + ESCAPE, ESCAPE)


def messages(body: bytes):
    """Return (transaction, tag, raw body) of every message, its CRC checked."""
    found, at = [], 0
    while at < len(body):
        (transaction, group, abort, (tag, _), crc, end), after = element(body, at)
        assert (group, abort, end) == (0, 0, "end")
        assert crc.to_bytes(2, "big") == x25(body[at : after - 4]).to_bytes(2, "little")
        head = at + 2 + len(transaction) + 4 + 1 + 3
        found.append((int.from_bytes(transaction, "big"), tag, body[head : after - 4]))
        at = after
    return found


def entries(file: bytes):
    """Return the list of values of a file: code -> the other six elements."""
    (_, server, _, _, values, _, _), _ = element(messages(unwrapped(file))[1][2], 0)
    return server, {"{}-{}:{}.{}.{}*{}".format(*code): rest for code, *rest in values}


def decoded(file: bytes):
    envelope = Envelope("test", "keller/zaehler", file, 1_790_000_000_000_000_000)
    message = Decoder(formats=(telegram,)).decode(envelope)
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    return message.device, values, message.state


def test_the_crc_of_the_catalogue():
    assert x25(b"123456789") == 0x906E
    body = b"\x71\x01"
    assert sml.message(0, 0x0201, body)[-3:-1] == x25(
        bytes.fromhex("76050000000062006200726302017101")
    ).to_bytes(2, "little")


def test_a_real_telegram_is_put_together_again_byte_for_byte():
    """The Iskra meter has groups of 0, as we do; its bodies are taken as they are."""
    real = REAL["Iskra,"]
    again = b"".join(sml.message(*one) for one in messages(unwrapped(real)))
    assert sml.telegram(again) == real


def test_entries_have_the_shape_of_a_real_meters():
    _, real = entries(REAL["Iskra,"])
    _, ours = entries(
        sml.encode(
            METER,
            import_wh_tenths=226_360_840,
            export_wh_tenths=0,
            power_w=168,
            phase_powers_w=(117, 22, 29),
            seconds_index=12_345,
        )
    )
    same = set(real) & set(ours)
    assert len(same) == 5
    for code in same:
        kinds = [[type(part) for part in row] for row in (real[code], ours[code])]
        assert kinds[0] == kinds[1]
        assert real[code][2:4] == ours[code][2:4]  # unit and scaler
    assert ours["1-0:16.7.0*255"][4] == 168
    assert ours["1-0:36.7.0*255"][4] == 117


def test_what_the_meter_says_of_itself():
    server, ours = entries(sml.encode(METER, import_wh_tenths=0, seconds_index=1))
    assert server == sml.server_id(METER) == bytes.fromhex("0a01454d480000bc614e")
    assert ours["1-0:96.50.1*1"] == [b"", b"", b"", b"", b"EMH", b""]
    assert ours["1-0:96.1.0*255"][4] == server
    assert list(ours) == ["1-0:96.50.1*1", "1-0:96.1.0*255", "1-0:1.8.0*255"]


@pytest.mark.parametrize(("power", "status"), [(5, 0x182), (0, 0x182), (-5, 0x1A2), (None, 0x182)])
def test_the_status_word_says_that_the_meter_exports(power, status):
    _, ours = entries(sml.encode(METER, import_wh_tenths=0, power_w=power, seconds_index=1))
    assert ours["1-0:1.8.0*255"][0] == status


registers = st.integers(0, 2**52)
powers = st.integers(-(2**31), 2**31 - 1)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 99_999_999),
    registers,
    st.none() | registers,
    powers,
    st.none() | st.tuples(powers, powers, powers),
    st.integers(0, 2**32 - 1),
)
def test_emscher_reads_what_the_meter_counted(serial, imported, exported, power, phases, second):
    meter = f"1ISK00{serial:08d}"
    device, values, state = decoded(
        sml.encode(
            meter,
            import_wh_tenths=imported,
            export_wh_tenths=exported,
            power_w=power,
            phase_powers_w=phases,
            seconds_index=second,
        )
    )
    expected = {("active_energy_import", ""): imported / 10, ("active_power", ""): power}
    if exported is not None:
        expected["active_energy_export", ""] = exported / 10
    for nth, watts in enumerate(phases or (), 1):
        expected["active_power", f"L{nth}"] = watts
    assert device == meter
    assert values == expected
    assert state["1-0:96.50.1*1"] == "ISK"


@pytest.mark.parametrize("run", [4, 5, 8])
def test_escapes_inside_of_values_are_sent_twice(run):
    value = int.from_bytes(b"\x1b" * min(run, 7), "big")
    file = sml.encode(METER, import_wh_tenths=value, power_w=0x1B1B1B1B, seconds_index=0x1B1B1B1B)
    assert file[8:-8].count(ESCAPE + ESCAPE) >= 3
    assert decoded(file)[1]["active_energy_import", ""] == value / 10
    assert reader.readouts(file).readouts[0].time.seconds == 0x1B1B1B1B
    entries(file)


def test_no_telegram_is_like_the_one_before():
    told = {sml.encode(METER, import_wh_tenths=7, seconds_index=second) for second in range(50)}
    assert len(told) == 50


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"import_wh_tenths": -1}, "registers of 0 to"),
        ({"import_wh_tenths": 2**63}, "registers of 0 to"),
        ({"export_wh_tenths": -1}, "registers of 0 to"),
        ({"power_w": 2**31}, "powers within"),
        ({"power_w": 0, "phase_powers_w": (0, 0, -(2**31) - 1)}, "powers within"),
        ({"phase_powers_w": (1, 2, 3)}, "expected power_w"),
        ({"seconds_index": 2**32}, "a second within"),
        ({"meter_id": "EMH12345678"}, "found 'EMH12345678'"),
        ({"meter_id": "1EMH00123456789"}, "DIN 43863-5"),
    ],
)
def test_what_does_not_fit_is_refused(changes, says):
    fields = {"meter_id": METER, "import_wh_tenths": 1, "seconds_index": 1, **changes}
    with pytest.raises(EncodingError, match=says):
        sml.encode(fields.pop("meter_id"), **fields)
