import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import cayenne
from ingest.errors import PayloadError


def _values(payload: str) -> dict[tuple[str, str], float]:
    return {
        (one.quantity, one.channel): one.value for one in cayenne.decode(bytes.fromhex(payload), 1)
    }


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        # the examples of the myDevices document
        ("03670110056700ff", {("temperature", "3"): 27.2, ("temperature", "5"): 25.5}),
        ("0167ffd7", {("temperature", "1"): -4.1}),
        ("067104d2fb2e0000", {("acceleration_g", "6.x"): 1.234, ("acceleration_g", "6.y"): -1.234,
                              ("acceleration_g", "6.z"): 0.0}),
        ("018806765ff2960a0003e8", {("latitude", "1"): 42.3519, ("longitude", "1"): -87.9094,
                                    ("altitude", "1"): 10.0}),
        # the rest of 1.0
        ("000001", {("digital_input", "0"): 1}),
        ("ff0100", {("digital_output", "255"): 0}),
        ("0102fb2e", {("analog_input", "1"): -12.34}),
        ("010304d2", {("analog_output", "1"): 12.34}),
        ("0165ffff", {("illuminance", "1"): 65535}),
        ("016601", {("occupancy", "1"): 1}),
        ("016861", {("humidity", "1"): 48.5}),
        ("0173276d", {("pressure", "1"): 1009.3}),
        ("0186000afff60000", {("angular_velocity", "1.x"): 0.1, ("angular_velocity", "1.y"): -0.1,
                              ("angular_velocity", "1.z"): 0}),
        # extended
        ("0164ffffffff", {("generic", "1"): 4294967295}),
        ("01749c40", {("voltage", "1"): 400.0}),
        ("0175ffff", {("current", "1"): 65.535}),
        ("017600000032", {("frequency", "1"): 50}),
        ("017864", {("percentage", "1"): 100}),
        ("0179ff9c", {("altitude", "1"): -100}),
        ("017d0320", {("concentration", "1"): 800}),
        ("0180ffff", {("active_power", "1"): 65535}),
        ("0182000004d2", {("distance", "1"): 1.234}),
        ("0183ffffffff", {("active_energy_import", "1"): 4294967295}),
        ("01840168", {("direction", "1"): 360}),
        ("01856553f100", {("unix_time", "1"): 1700000000}),
        ("0187ff8000", {("colour", "1.r"): 255, ("colour", "1.g"): 128, ("colour", "1.b"): 0}),
        ("018e01", {("switch", "1"): 1}),
        ("", {}),
        ("016700ff01670100", {("temperature", "1"): 25.6}),
        ("017900050188000000000000000064", {("altitude", "1"): 1.0, ("latitude", "1"): 0,
                                            ("longitude", "1"): 0}),
    ],
)  # fmt: skip
def test_each_type(payload, wanted):
    assert _values(payload) == pytest.approx(wanted)


def test_a_type_given_twice_counts_once():
    assert len(cayenne.decode(bytes.fromhex("016700ff01670100"), 1)) == 1


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ("01", "Cayenne LPP at byte 0: expected channel and type, 2 bytes, found 1 byte left over"),
        ("016700ff05", "Cayenne LPP at byte 4"),
        ("016700", "Cayenne LPP value at byte 2: expected 2 bytes for type 103, found 1 bytes"),
        ("0163ff", "Cayenne LPP type at byte 1: expected one of 0 1 2 3 100"),
        ("016700ff01f0", "Cayenne LPP type at byte 5"),
    ],
)
def test_errors_name_the_byte(payload, sentence):
    with pytest.raises(PayloadError) as caught:
        cayenne.decode(bytes.fromhex(payload), 1)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("words", "yes"),
    [({"cayenne"}, True), ({"cayennelpp"}, True), ({"my", "lpp"}, True), ({"slpp"}, False)],
)
def test_recognition(words, yes):
    assert cayenne.matches(frozenset(words), "a81758fffe000001") is yes


@given(st.binary(max_size=80), st.integers(0, 255))
def test_any_bytes_decode_or_are_refused(payload, f_port):
    try:
        found = cayenne.decode(payload, f_port)
    except PayloadError:
        return
    places = [(one.quantity, one.channel) for one in found]
    assert len(places) == len(set(places))
    assert all(type(one.value) is float and one.time_ns is None for one in found)
