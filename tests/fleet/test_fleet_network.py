"""What network servers share: who a device is, what a frame can carry, ids and time on air."""

from dataclasses import replace
from uuid import UUID

import pytest

from fleet import chirpstack, chirpstack_protobuf, network, things_stack
from fleet.errors import EncodingError
from fleet.network import Heard, Identity, Uplink

IDENTITY = Identity("02aa000000000001", "raum", "ELSYS ERS CO2", "Dortmund", "dortmund-sensors")
HEARD = Heard("02bb000000000001", -97, 5.25, 1)
UPLINK = Uplink(1_774_958_400_000_000_001, 9, 5, b"\x01\x00\xe2", 3, (HEARD,))


def test_identities_are_compared_by_all_that_they_say():
    again = replace(IDENTITY)
    assert again == IDENTITY
    assert hash(IDENTITY) == hash(again)
    assert replace(IDENTITY, tags={"district": "Eving"}) != IDENTITY
    assert hash(replace(IDENTITY, tags={"district": "Eving"}))


@pytest.mark.parametrize("server", [chirpstack, chirpstack_protobuf, things_stack])
def test_two_names_of_one_dev_eui_are_not_mixed_up(server):
    other = replace(IDENTITY, name="halle")
    first, second = server.uplink(IDENTITY, UPLINK), server.uplink(other, UPLINK)
    assert b"raum" in first.topic.encode() + first.payload
    assert b"halle" in second.topic.encode() + second.payload


@pytest.mark.parametrize("server", [chirpstack, chirpstack_protobuf, things_stack])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"f_cnt": -1}, "f_cnt of 32 bits"),
        ({"f_cnt": 1 << 32}, "f_cnt of 32 bits"),
        ({"f_port": 256}, "f_port"),
        ({"dr": 6}, "dr of 0…5"),
        ({"dr": -1}, "dr of 0…5"),
        ({"heard": ()}, "gateway that heard it"),
        ({"copy": -1}, "copy"),
        ({"time_ns": -1}, "time"),
        ({"heard": (HEARD, HEARD._replace(channel=8))}, "channel of 0…7"),
        ({"heard": (HEARD._replace(rssi=-40_000),)}, "rssi"),
        ({"heard": (HEARD._replace(snr=float("nan")),)}, "snr"),
    ],
)
def test_what_a_frame_cannot_carry_is_refused(server, changes, says):
    with pytest.raises(EncodingError, match=says):
        server.uplink(IDENTITY, UPLINK._replace(**changes))


@pytest.mark.parametrize("server", [chirpstack, chirpstack_protobuf])
def test_a_status_and_a_counter_that_do_not_fit_are_refused(server):
    for margin in (-33, 32):
        with pytest.raises(EncodingError, match="margin"):
            server.status(IDENTITY, 1, margin=margin, battery_level=50.0)
    for level in (-0.1, 100.1, float("nan")):
        with pytest.raises(EncodingError, match="battery_level"):
            server.status(IDENTITY, 1, margin=5, battery_level=level)
    with pytest.raises(EncodingError, match="f_cnt"):
        server.ack(IDENTITY, 1, 1 << 32, True)


@pytest.mark.parametrize(
    ("dr", "size", "airtime_us"),
    [
        # consumed_airtime of real uplinks in the documentation of The Things Stack
        (5, 11, 61_696),
        (0, 10, 1_482_752),
        # Semtech's LoRa calculator: SF12, 64 bytes with header; SF7, 13 bytes; SF10, 23 bytes
        (0, 51, 2_793_472),
        (5, 0, 46_336),
        (2, 10, 370_688),
    ],
)
def test_time_on_air(dr, size, airtime_us):
    assert network.airtime_us(dr, size) == airtime_us


def test_ids_are_uuids_and_numbers_of_their_own():
    many = UPLINK._replace(heard=(HEARD,) * 30)
    own, numbers = network.uplink_ids(IDENTITY, many)
    assert UUID(own).version == 8
    assert len(set(numbers)) == 30
    assert all(0 <= number < 1 << 32 for number in numbers)
    assert network.uplink_ids(IDENTITY, many) == (own, numbers)


def test_a_copy_has_an_id_of_its_own():
    ids = {network.uplink_ids(IDENTITY, UPLINK._replace(copy=copy))[0] for copy in range(3)} | {
        network.uplink_ids(IDENTITY, UPLINK._replace(time_ns=UPLINK.time_ns + 1, copy=1))[0]
    }
    assert len(ids) == 4


def test_an_address_changes_with_every_join():
    addresses = [network.dev_addr_of(IDENTITY, join) for join in range(3)]
    assert len(set(addresses)) == 3
    assert all(len(one) == 8 and one.startswith("00") for one in addresses)


@pytest.mark.parametrize(
    ("percent", "sent"), [(0.0, 0.39), (0.1, 0.39), (50.0, 50.0), (88.3, 88.19), (100.0, 100.0)]
)
def test_a_battery_level_has_254_steps_and_none_is_the_mains(percent, sent):
    assert network.wire_battery(percent) == sent
