"""SML: real telegrams, an encoder written apart from the reader, and everything that breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sml_files import (
    DZG,
    EMH,
    HOLLEY,
    IMPORT,
    ISKRA,
    NONE,
    PLAIN,
    POWER,
    READ,
    code,
    entry,
    framed,
    get_list,
    i,
    many,
    message,
    meter_file,
    o,
    only,
    sec_index,
    u,
    values,
)

from ingest.errors import PayloadError
from ingest.meters import sml
from ingest.meters.sml_values import Number, Reader
from ingest.reading import Measurement


def test_iskra_meter_of_the_field():
    readout = only(ISKRA)
    assert sml.server_name(readout.server) == "1ISK0067362659"
    assert values(ISKRA)[("active_energy_import", "")] == 22462413.6
    assert values(ISKRA)[("active_power", "L3")] == 29.0
    assert readout.time == sml.Time(128972252, absolute=False)
    assert readout.time.ns is None
    assert readout.entries[2].status == 0x182


def test_holley_meter_with_a_bare_number_for_a_time():
    readout = only(HOLLEY)
    assert readout.entries[2].time == sml.Time(0x02DBA23D, absolute=False)
    told = values(HOLLEY)
    assert told[("active_energy_import", "")] == 4499896.2
    assert told[("voltage", "L1")] == 234.4
    assert told[("current", "L2")] == 0.78
    assert told[("frequency", "")] == 50.0
    assert told[("1-0:81.7.1*255", "")] == 240.0
    assert sml.state(readout)["1-0:0.2.0*0"] == "1.02.007"


def test_what_the_encoder_says_is_read_with_and_without_transport():
    for payload in (PLAIN, framed(PLAIN), PLAIN + bytes(3)):
        assert sml.measurements(only(payload)) == READ
    assert sml.server_name(only(PLAIN).server) == "1EMH0012345678"


def test_a_server_id_that_only_a_value_states():
    named = entry("1.0.0.0.9.255", o(EMH))
    body = many(NONE, NONE, NONE, NONE, many(named, IMPORT), NONE, NONE)
    assert only(message(0x0701, body)).server == EMH
    assert only(message(0x0701, get_list(IMPORT, server=b""))).server == b""


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("0a01454d480000bc614e", "1EMH0012345678"),
        ("0901454d4800000004d2", "1EMH0000001234"),
        ("0a0749534b1f05f5e0ff", "7ISK1F99999999"),
        ("0a01454d4800ffffffff", "0a01454d4800ffffffff"),  # more than eight digits
        ("06454d48010271515f8d", "06454d48010271515f8d"),  # the maker's own form, before DIN
        ("02a8154b0000000102", "02a8154b0000000102"),
    ],
)
def test_server_ids(server: str, name: str):
    assert sml.server_name(bytes.fromhex(server)) == name


@given(st.integers(1, 8), st.data())
def test_integers_of_any_width_and_sign(width: int, data: st.DataObject):
    signed = data.draw(st.integers(-(1 << 8 * width - 1), (1 << 8 * width - 1) - 1))
    plain = data.draw(st.integers(0, (1 << 8 * width) - 1))
    assert Reader(i(signed, width)).value() == Number(signed, width, True)
    assert Reader(u(plain, width)).value() == Number(plain, width, False)


@given(st.binary(max_size=300))
def test_octet_strings_of_any_length(raw: bytes):
    assert Reader(o(raw)).value() == (raw or None)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 255, 256, 300])
def test_lists_of_more_elements_than_one_byte_can_say(size: int):
    assert Reader(many(*[u(n % 200) for n in range(size)])).value() == tuple(
        Number(n % 200, 1, False) for n in range(size)
    )


def test_booleans_and_texts_are_state():
    readout = only(
        meter_file(
            entry("1.0.96.50.1.1", o(b"EMH")),
            entry("1.0.96.3.10.255", b"\x42\x01"),
            entry("1.0.96.5.0.255", o(b"\x00\x01")),
            entry("1.0.0.2.0.0", NONE),
        )
    )
    assert sml.measurements(readout) == []
    assert sml.state(readout) == {
        "1-0:96.50.1*1": "EMH",
        "1-0:96.3.10*255": True,
        "1-0:96.5.0*255": "0001",
    }


def test_times_of_all_three_kinds():
    local = many(u(3), many(u(1_700_000_000, 4), i(60, 2), i(0, 2)))
    times = [sec_index(77), many(u(2), u(1_700_000_000, 4)), local, u(5, 4), NONE]
    for time, ns in zip(times, [None, 17 * 10**17, 17 * 10**17, None, None], strict=True):
        (one,) = sml.measurements(
            only(meter_file(entry("1.0.1.8.0.255", u(1), u(30), i(0), NONE, time), time=time))
        )
        assert one.time_ns == ns
    assert only(meter_file(time=local)).time == sml.Time(1_700_000_000, absolute=True)
    with pytest.raises(PayloadError, match="kind of time"):
        sml.readouts(meter_file(IMPORT, time=many(u(4), u(1, 4))))


def test_what_codes_mean():
    told = values(
        meter_file(
            entry("1.0.1.8.1.255", u(10, 3), u(30), i(3)),
            entry("1.0.2.8.2.255", u(20), u(30), i(-4)),
            entry("1.0.36.7.0.255", i(-3, 4), u(27), i(2)),
            entry("1.0.2.7.0.255", u(5), u(27)),
            entry("1.0.31.7.0.255", u(41), u(33), i(-2)),
            entry("1.0.52.7.0.255", u(2304, 2), u(35), i(-1)),
            entry("1.0.14.7.0.255", u(499, 2), u(44), i(-1)),
            entry("1.0.81.7.4.255", u(120), u(8)),
            entry("1.0.3.8.0.255", u(7), u(32), i(0)),
            entry("1.0.21.8.0.255", u(8), u(30), i(0)),
            entry("1.0.1.8.0.96", u(9), u(30), i(-1)),
            entry("7.0.3.0.0.255", u(123456, 4), u(13), i(-2)),
        )
    )
    assert told == {
        ("active_energy_import", "T1"): 10000.0,
        ("active_energy_export", "T2"): 0.002,
        ("active_power", "L1"): -300.0,
        ("active_power", "export"): -5.0,
        ("current", "L1"): 0.41,
        ("voltage", "L2"): 230.4,
        ("frequency", ""): 49.9,
        ("1-0:81.7.4*255", ""): 120.0,
        ("reactive_energy_import", ""): 7.0,
        ("active_energy_import", "L1"): 8.0,
        ("1-0:1.8.0*96", ""): 0.9,  # yesterday's, never the register of now
        ("gas_volume", ""): 1234.56,
    }


def test_registers_of_two_channels_do_not_hide_each_other():
    told = values(meter_file(IMPORT, entry("1.1.1.8.0.255", u(5), u(30), i(0))))
    assert told == {("active_energy_import", ""): 12345.6, ("1-1:1.8.0*255", ""): 5.0}


def test_one_code_with_two_values_is_refused():
    with pytest.raises(PayloadError, match="twice"):
        values(meter_file(IMPORT, entry("1.0.1.8.0.255", u(5), u(30), i(0))))
    assert values(meter_file(IMPORT, IMPORT)) == {("active_energy_import", ""): 12345.6}


def test_a_row_of_a_load_profile():
    when = many(u(2), u(1_700_000_100, 4))
    periods = many(many(code("1.0.1.8.0.255"), u(30), i(0), u(99), NONE))
    body = many(o(EMH), NONE, u(900, 2), many(o(b"\1\2\3\4\5\6")), when, NONE, periods, NONE, NONE)
    readout = only(message(0x0401, body))
    assert sml.measurements(readout) == [
        Measurement("active_energy_import", 99.0, "", 1_700_000_100 * 10**9)
    ]


def dzg(serial: int, *entries: bytes, maker: bytes = b"DZG") -> sml.Readout:
    server = b"\x0a\x01" + maker + b"\0" + serial.to_bytes(4, "big")
    return only(meter_file(*entries, server=server))


EXPORT = entry("1.0.2.8.0.255", u(0), u(30), i(-1))


@pytest.mark.parametrize(
    ("serial", "sent", "meant"),
    [
        (42123440, "538b28", 356.24),  # libsml-testing, pull request 16
        (48999999, "52ff", 2.55),
        (55000000, "54ff0000", 167116.8),
        (42123440, "538025", 328.05),
        (42123440, "55fffe1393", -1260.61),  # negative ones are always sent in four bytes
        (42123440, "530064", 1.0),
        (60000000, "53d6ca", -105.5),  # libsml-testing, pull request 15: put right by DZG
        (40221297, "53edb4", -46.84),  # DVBS12.2H, libsml issue 162
        (49000000, "538b28", -299.12),
    ],
)
def test_powers_of_dzg_meters(serial: int, sent: str, meant: float):
    power = entry("1.0.16.7.0.255", bytes.fromhex(sent), u(27), i(-2))
    readout = dzg(serial, EXPORT, power)
    (_, one) = sml.measurements(readout)
    assert one == Measurement("active_power", meant)
    as_sent = readout.entries[1].value.value
    assert sml.mended(readout) == ([] if as_sent == round(meant * 100) else ["1-0:16.7.0*255"])


def test_other_makers_and_other_values_are_never_changed():
    power = entry("1.0.16.7.0.255", bytes.fromhex("538b28"), u(27), i(-2))
    assert sml.measurements(dzg(42123440, EXPORT, power, maker=b"EMH"))[1].value == -299.12
    reactive = entry("1.0.3.7.0.255", bytes.fromhex("538b28"), u(29), i(-2))
    assert sml.measurements(dzg(42123440, EXPORT, reactive))[1].value == -299.12


def test_an_old_dzg_meter_that_counts_no_export_has_no_negative_power():
    assert values(DZG)[("active_power", "L1")] == 507.0
    power = entry("1.0.16.7.0.255", bytes.fromhex("538b28"), u(27), i(-2))
    assert sml.measurements(dzg(59999999, IMPORT, power))[1].value == 356.24
    assert sml.measurements(dzg(60000000, IMPORT, power))[1].value == -299.12


def test_direction_of_an_emh_meter_is_in_the_status_of_its_register():
    power = entry("1.0.15.7.0.255", u(1266, 2), u(27), i(-1))
    for server, status, expected in [
        (bytes.fromhex("06454d48010271515f8d"), 0x1A2, ("active_power", -126.6)),
        (EMH, 0x182, ("active_power", 126.6)),
        (bytes.fromhex("0a0149534b0000bc614e"), 0x1A2, ("1-0:15.7.0*255", 126.6)),
    ]:
        register = entry("1.0.1.8.0.255", u(1), u(30), i(0), u(status, 4))
        one = sml.measurements(only(meter_file(register, power, server=server)))[1]
        assert (one.quantity, one.value) == expected
    register = entry("1.0.1.8.0.255", u(1), u(30), i(0), u(0x1A2, 2))
    maker = entry("129.129.199.130.3.255", o(b"EMH"))  # its server id may be that of M-Bus
    told = values(meter_file(maker, register, power, server=bytes.fromhex("01a815986480020102")))
    assert told["active_power", ""] == -126.6
    both = meter_file(entry("1.0.1.8.0.255", u(1), u(30), i(0), u(0x1A2, 4)), power, POWER)
    assert values(both)[("active_power", "")] == -1500.0
    assert values(both)[("1-0:15.7.0*255", "")] == 126.6
