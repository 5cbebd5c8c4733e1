"""Aqua-Scope: AQM, AQS and PRS (water), KFR (valve), RAN (rain), BVS (valve), FLO and WWD (leaks).

Source: the decoders that the maker publishes (TheThingsNetwork/lorawan-devices,
`vendor/aquascope`).

AQM, AQS, PRS, KFR and RAN send commands: a byte that says what follows, then a fixed number of
bytes, big-endian. BVS, FLO and WWD send one frame of four bytes. What the maker's decoder calls an
error is refused. Versions of firmware are left out, and so is the text of a log.

- Where the decoder does not say in which unit a sensor is told (all but RAN), the maker's name
  stays, with "as_sent" where it is a name of ours. `conumption` is the maker's spelling.
- BVS, FLO and WWD: the decoder takes 255 for 256 in a temperature above 255, and gives it no sign;
  RAN's is one step too high below zero. All of them are 16 bits with a sign here.
- `pc`, the check of the pipes, is the maker's number: 2 ok, 3 alarm, 4 and 7 flow, 5 heat, 6 valve,
  8 pending. A valve that is on is 255, as the maker tells it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

Decode = Callable[[bytes], list[Measurement]]
_ALARM, _STATE, _LOG = 0x0B, 0x07, 0x08
_CONFIG, _SENSOR = 0x04, 0x06
_HARDWARE = {b"\x03": Frame("u8 hw_version\nu16 capabilities"), b"\x0a": Frame("x4")}
_ALARMS = {b"\x0b": Frame("u8 alarm_status\nu8 alarm_type\nu16 alarm_value")}


def _numbered(command: int, layout: str, names: str) -> dict[bytes, Frame]:
    """Return the frames of a command whose second byte says which value it is: "01 name …"."""
    parts = names.split()
    return {
        bytes((command, int(number, 16))): Frame(layout.format(name))
        for number, name in zip(parts[::2], parts[1::2], strict=True)
    }


def _configured(names: str) -> dict[bytes, Frame]:
    return _numbered(_CONFIG, "u16 {}", names)


_COMMON = (
    "01 c_system 03 c_lora 04 c_valveaction 09 c_jamming 0a c_flow_th 0b c_frost_th "
    "0d c_pc_duration 0e c_pc_abort_th 0f c_pc_alarm_th_th 13 c_alarm 1d c_report_interval "
    "1e c_heartbeat_interval "
)
_WATER_SENSORS = _numbered(
    _SENSOR,
    "u16 {}",
    "01 temperature_as_sent 03 uptime 10 pressure_as_sent 11 consumption 13 batterylevel",
)
_STATES = {
    0x00: Frame(""),
    0x01: Frame("u16 conumption_time\nu16 conumption_liter"),
    0x03: Frame("u16 diff\nu16 elevation"),
}
_PIPE_CHECK = range(2, 9)
_CLOSED, _FLOW_ENDS, _FLOWS, _OPEN = 0x00, 0x01, 0x0F, 255.0


def _state(payload: bytes, at: int, name: str) -> tuple[list[Measurement], int]:
    """Return what command 07h says of valve, flow or pipes, and where the next one begins."""
    state = payload[at]
    if state == _CLOSED:
        found = [Measurement("valve", 0.0)]
    elif state in (_FLOW_ENDS, _FLOWS):
        found = [Measurement("water_flows", float(state == _FLOWS))]
    elif state in _PIPE_CHECK:
        found = [Measurement("pc", float(state))]
    else:
        found = [Measurement("valve", _OPEN)]
    frame = _STATES.get(state, _STATES[_CLOSED])
    return found + _read(name, frame, payload, at + 1), at + 1 + frame.size


def _read(name: str, frame: Frame, payload: bytes, at: int) -> list[Measurement]:
    if at + frame.size > len(payload):
        raise cut_short(name, at, frame.size, len(payload) - at)
    return frame.read(payload, at)


def _commands(name: str, known: Mapping[bytes, Frame], water: bool = False) -> Decode:
    """Return what reads a run of commands.

    known  by the command's byte, or by that and the number after it
    water  whether 07h tells of flow and pipes, and 08h is a log, which ends the message
    """

    def decode(payload: bytes) -> list[Measurement]:
        if not payload:
            raise cut_short(name, 0, 1, 0)
        found: list[Measurement] = []
        at = 0
        while at < len(payload):
            if water and payload[at] in (_STATE, _LOG):
                if at + 1 == len(payload):
                    raise cut_short(name, at + 1, 1, 0)
                if payload[at] == _LOG:
                    return [*found, Measurement("loglevel", float(payload[at + 1]))]
                part, at = _state(payload, at + 1, name)
                found += part
                continue
            key = payload[at : at + 1]
            frame = known.get(key)
            if frame is None:
                key = payload[at : at + 2]
                frame = known.get(key)
            if frame is None:
                raise PayloadError(
                    f"{name} at byte {at}", "a command that the maker knows", payload[at:].hex()
                )
            found += _read(name, frame, payload, at + len(key))
            at += len(key) + frame.size
        return found

    return decode


_AQM = _commands(
    "Aqua-Scope AQM",
    _HARDWARE
    | _ALARMS
    | _WATER_SENSORS
    | _configured(
        _COMMON + "05 c_uss_signal_strength 06 c_uss_rx_delay 07 c_uss_tof 08 c_litertranslation"
    ),
    water=True,
)
_AQS = _commands(
    "Aqua-Scope AQS",
    _HARDWARE
    | _ALARMS
    | _WATER_SENSORS
    | _configured(
        _COMMON + "02 c_algo 05 c_normpressure 06 c_overpressure_th 07 c_underpressure_th"
    ),
    water=True,
)
_KFR = _commands(
    "Aqua-Scope KFR",
    _HARDWARE
    | _ALARMS
    | {b"\x07": Frame("u8 state"), b"\x06\x01": Frame("u16 temperature_as_sent")}
    | _configured(
        "01 c_interval 02 c_messagetype 03 c_tempscale 04 c_alarmrepeat 05 c_valvetraining "
        "06 c_localui 07 c_tempthreshold"
    ),
)
_RAN_ALARM = "u16 a_value"
_RAN = _commands(
    "Aqua-Scope RAN",
    _HARDWARE
    | {bytes((_CONFIG, number)): Frame(f"u16 conf_value:{number}") for number in range(17)}
    | _configured("01 conf_system 02 conf_heartbeat 03 conf_heavyrain 04 conf_interval")
    | _numbered(_SENSOR, "s16 {} /10", "01 temperature 08 temperature:air")
    | _numbered(_SENSOR, "u16 {}", "02 humidity 03 uptime 11 consumption 12 flow_as_sent")
    | _numbered(_SENSOR, "u16 {} /2", "81 rainlevel")
    | {
        b"\x07": Frame("u8 motorposition"),
        b"\x12": Frame("u8 battery_voltage /10\nu16 bat_mAh"),
        b"\x33": Frame("u16 duration\nu16 diff"),
        b"\x0b": Frame("u8 a_status\nu8 a_type\ns16 a_value"),
    },
)
_RAN_TYPES = (1, 2, 3, 4, 5, 6, 7, 12)
_RAN_COLD = (2, 6, 7)


def _rain(payload: bytes) -> list[Measurement]:
    """Return what a RAN says; what an alarm's value is, its kind says."""
    found = _RAN(payload)
    kind = next((int(one.value) for one in found if one.quantity == "a_type"), None)
    if kind is None:
        return found
    if kind not in _RAN_TYPES:
        raise PayloadError("Aqua-Scope RAN alarm", "1 to 7, or 12", kind)
    told: list[Measurement] = []
    for one in found:
        if one.quantity != "a_value":
            told.append(one)
        elif kind in _RAN_COLD:
            told.append(one._replace(value=one.value / 10))
        else:
            told.append(one._replace(value=one.value % 0x10000))
    return told


def _four(name: str, layout: str) -> Decode:
    frame = Frame(layout)
    return lambda payload: frame.whole(payload, name)


_VALVE = "u8 _\n.5 valve\n{}x1\ns16 temperature"
_LEAK = "{}\nu8 battery_level\ns16 temperature"


@dataclass(frozen=True, eq=False)
class Model:
    """A model's codec: its words, and what reads each of its ports."""

    NAME: str
    words: tuple[str, ...]
    ports: Mapping[int, Decode] = field(repr=False)

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by the maker and its three letters, or by its order number."""
        del dev_eui
        return any(words.issuperset(one.split()) for one in self.words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for another port or command than the maker documents.
        """
        read = self.ports.get(f_port)
        if read is None:
            raise PayloadError(
                f"{self.NAME} FPort", f"one of {', '.join(map(str, self.ports))}", f_port
            )
        return read(payload)


def _words(*models: str) -> tuple[str, ...]:
    return tuple(f"{maker} {model}" for model in models for maker in ("aquascope", "aqua scope"))


CODECS: tuple[Model, ...] = (
    Model("aquascope-aqm", (*_words("aqm"), "aqmlwe01"), {1: _AQM}),
    Model(
        "aquascope-aqs",
        (*_words("aqs", "prs"), "aqslwe01", "prswie02", "prelwe02"),
        {1: _AQS},
    ),
    Model("aquascope-kfr", _words("kfr"), {10: _KFR}),
    Model("aquascope-ran", _words("ran"), {10: _rain}),
    Model(
        "aquascope-bvs",
        _words("bvs"),
        {
            10: _four("Aqua-Scope BVS", _VALVE.format(".0 water_leak\n")),
            16: _four("Aqua-Scope BVS", _VALVE.format("")),
        },
    ),
    Model(
        "aquascope-flo",
        (*_words("flo", "wwd"), "flolwe01"),
        {
            10: _four("Aqua-Scope FLO", _LEAK.format("u8 _\n.0 water_leak\n.1 remote")),
            16: _four("Aqua-Scope FLO", _LEAK.format("x1")),
        },
    ),
)
