"""Small makers whose payload is one frame for each port: one table, a codec for each model.

Source: the codecs that the makers publish in the LoRaWAN device repository
(TheThingsNetwork/lorawan-devices, `vendor/…`), and for Oyster "Oyster LoRaWAN Integration"
(Digital Matter). A port that is not in the table, and a size that is none of the port's frames,
raise PayloadError. A port whose frame gives no value answers a command, or states versions.

What a table line can't say:
- Digital Matter and Develiot tell voltages and temperatures to two decimals; so do we.
- Oyster: after a failed fix the position is an old one, and keeps the vendor's name "cached".
- Terabee: any bit of the last byte says that the sensor itself failed; the maker then tells no
  values, and the message is refused.
- SenseClimate sends temperatures without a sign; what would be below zero is refused.
- Micropelt MLRTPS: the set point is a shift of -4 to +5 K, or freeze protection.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

Finish = Callable[[list[Measurement]], list[Measurement]]


@dataclass(frozen=True, eq=False)
class Single:
    """A model's codec: its frames by port, one for each size that a payload may have.

    words   alternatives, each the words that must all be there ("terabee lm")
    ports   0 stands for any port, where the maker does not say which
    unless  words of other products that share its name
    finish  what becomes of the values that a table can't say
    """

    NAME: str
    words: tuple[str, ...]
    ports: Mapping[int, tuple[Frame, ...]] = field(repr=False)
    unless: frozenset[str] = frozenset()
    finish: Finish | None = field(default=None, repr=False)

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by its words; the DevEUI says nothing."""
        named = any(words.issuperset(one.split()) for one in self.words)
        return named and words.isdisjoint(self.unless)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for another port or size than the maker documents.
        """
        frames = self.ports.get(f_port) or self.ports.get(0)
        if frames is None:
            wanted = ", ".join(map(str, self.ports))
            raise PayloadError(f"{self.NAME} FPort", f"one of {wanted}", f_port)
        frame = next((one for one in frames if one.size == len(payload)), None)
        if frame is None:
            sizes = " or ".join(str(one.size) for one in frames)
            raise PayloadError(
                f"{self.NAME} length on FPort {f_port}",
                f"{sizes} bytes",
                f"{len(payload)} bytes: {payload.hex()}",
            )
        found = frame.read(payload)
        return self.finish(found) if self.finish else found


def in_decimals(value: float, decimals: int) -> float:
    """Return a value as the maker tells it: to so many decimals, a half goes away from zero."""
    step = Decimal(1).scaleb(-decimals)
    return float(Decimal(value).quantize(step, ROUND_HALF_UP))


_OYSTER_FLAGS = "u8 _\n.0 inTrip\n.1 fixFailed"
_POSITION = ("latitude", "longitude", "headingDeg", "speedKmph")


def _oyster(found: list[Measurement]) -> list[Measurement]:
    """Name an old position as such, and round the battery's voltage."""
    failed = any(one.quantity == "fixFailed" and one.value for one in found)
    told: list[Measurement] = []
    for one in found:
        if one.quantity == "battery_voltage":
            told.append(one._replace(value=in_decimals(one.value, 2)))
        elif failed and one.quantity in _POSITION:
            bare = one.quantity
            vendor = f"{bare}Deg" if bare in ("latitude", "longitude") else bare
            told.append(one._replace(quantity=f"cached.{vendor}"))
        else:
            told.append(one)
    return told


def _develiot(found: list[Measurement]) -> list[Measurement]:
    """Round to the maker's decimals; leave out a temperature that is not switched on."""
    is_on = any(one.quantity == "temperatureActive" and one.value for one in found)
    told: list[Measurement] = []
    for one in found:
        if one.quantity == "battery_voltage" or (one.quantity == "temperature" and is_on):
            told.append(one._replace(value=in_decimals(one.value, 2)))
        elif one.quantity not in ("temperature", "temperatureActive"):
            told.append(one)
    return told


def _terabee(found: list[Measurement]) -> list[Measurement]:
    failed = {one.quantity for one in found if one.quantity.startswith("error_") and one.value}
    if failed:
        raise PayloadError(
            "Terabee device state",
            "a sensor without errors",
            ", ".join(sorted(one.removeprefix("error_") for one in failed)),
        )
    return [one for one in found if not one.quantity.startswith("error_")]


def _senseclimate(found: list[Measurement]) -> list[Measurement]:
    if found[0].value > 127:
        raise PayloadError("SenseClimate temperature", "0 to 127 degrees", int(found[0].value))
    return found


_FREEZE_PROTECTION = 255
_SHIFTS = {**{code: code for code in range(6)}, **{16 + shift: shift for shift in range(-4, 0)}}


def _room_sensor(found: list[Measurement]) -> list[Measurement]:
    """Return the set point as a shift in K, or as freeze protection; unknown codes are none."""
    told = [one for one in found if one.quantity != "setPoint"]
    code = int(found[-1].value)
    if code == _FREEZE_PROTECTION:
        told.append(Measurement("Freeze_Protection", 1.0))
    elif code in _SHIFTS:
        told.append(Measurement("Set_Point_Temperature_Value", float(_SHIFTS[code])))
    return told


def _valve(found: list[Measurement]) -> list[Measurement]:
    """Scale the user's value by its mode: percent, half degrees, or quarters of a degree."""
    mode = next((one.value for one in found if one.quantity == "User_Mode"), 0)
    told: list[Measurement] = []
    for one in found:
        if one.quantity != "User_Value":
            told.append(one)
        elif mode != _VALVE_DROP:  # for a drop of temperature the maker tells no value
            told.append(one._replace(value=one.value * _VALVE_MODES.get(int(mode), 1.0)))
    return told


_VALVE_DROP = 5
_VALVE_MODES = {1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25}
_VALVE = """
    u8 Current_Valve_Position
    u8 Flow_Sensor_Raw /2
    u8 temperature:supply /2
    u8 Ambient_Sensor_Raw /4
    u8 temperature /4
    u8 _
    .6 Energy_Storage
    .5 Harvesting_Active
    .4 Ambient_Sensor_Failure
    .3 Flow_Sensor_Failure
    .2 Radio_Communication_Error
    .1 Received_Signal_Strength
    .0 Motor_Error
    u8 Storage_Voltage /50
    u8 Average_Current_Consumed *10
    u8 Average_Current_Generated *10
    u8 _
    .4 Reference_Completed
    .7 Operating_Mode
    .6 Storage_Fully_Charged
"""
_VALVE_USER = _VALVE + ".0-2 User_Mode\n u8 User_Value"


def _sized(*sizes: int) -> tuple[Frame, ...]:
    return tuple(Frame(f"x{size}") for size in sizes)


CODECS: tuple[Single, ...] = (
    Single(
        "micropelt-mlr003",
        ("mlr003",),
        {
            1: (
                Frame(_VALVE),
                Frame(_VALVE_USER),
                Frame(_VALVE_USER + "\n u8 Used_Temperature /4"),
            ),
            2: _sized(6),  # revision, hardware, firmware
        },
        finish=_valve,
    ),
    Single(
        "micropelt-mlrtps",
        ("mlrtps1", "mlrtps01", "micropelt mlrtps"),
        {
            1: (
                Frame("""
                    u8 temperature /4
                    u8 _
                    .5 PIR_Status
                    .4 Energy_Storage_Low
                    .3 Radio_Communication_Error
                    .2 Radio_Signal_Strength
                    .1 PIR_Sensor_Failure
                    .0 Ambient_Temperature_Failure
                    u8 Storage_Voltage /50
                    u8 setPoint
                """),
            )
        },
        finish=_room_sensor,
    ),
    Single(
        "terabee-level-xl",
        ("terabee lm", "terabee level"),
        {
            0: (
                Frame("""
                    u16 distance /1000 !0 !1 !0xffff  # too close, invalid, too far
                    u8 levelPercentage !255
                    u16 battery_voltage /1000
                    u8 _
                    .0 error_reset
                    .1 error_radio_sleep
                    .2 error_battery_reading
                    .3 error_distance_sensor
                """),
            )
        },
        finish=_terabee,
    ),
    Single(
        "develiot-rwmr",
        ("develiot rwmr", "rwmr"),
        {
            12: (
                Frame(
                    """
                    u8 _
                    .2 temperatureActive
                    u32 pulse_register:1
                    u32 pulse_register:2
                    u8 battery_voltage *3.3 /255
                    u8 temperature -85 *90 /255
                    """,
                    "little",
                ),
            )
        },
        finish=_develiot,
    ),
    Single(
        "makerfabs-ath20",
        ("makerfabs ath20", "makerfabs aht20"),
        {0: (Frame("x2\n u8 battery_voltage /10\n u16 humidity /10\n s16 temperature /10\n x4"),)},
    ),
    Single(
        "southerniot-senseclimate",
        ("senseclimate",),
        {1: (Frame("u8 temperature\n u8 humidity"),)},
        finish=_senseclimate,
    ),
    Single(
        "plenom-busylight",
        ("busylight",),
        {
            0: (
                Frame(
                    """
                    s32 rssi:device
                    s32 snr:device
                    u32 messages_received
                    u32 messages_send
                    u8 lastcolor_red
                    u8 lastcolor_blue
                    u8 lastcolor_green
                    u8 lastcolor_ontime
                    u8 lastcolor_offtime
                    x2  # revisions of software and hardware
                    u8 adr_state
                    """,
                    "little",
                ),
            )
        },
    ),
    Single(
        "st-nucleo-wl55jc",
        ("wl55jc", "wl55jc1", "wl55jc2"),
        {
            # What follows the battery is a place that the board does not measure, or zeros; its
            # size depends on the region.
            2: tuple(
                Frame(f"""
                    u8 _
                    .0 light
                    u16 pressure /10
                    s8 temperature
                    u16 humidity /10
                    u8 battery_voltage +381 *6 /1270  # 1.8 V and 1.2 V in 254 parts
                    x{size}
                """)
                for size in (4, 8)
            )
        },
    ),
    Single(
        "digital-matter-oyster",
        ("oyster",),
        {
            1: (
                Frame(
                    """
                    s32 latitude /10000000
                    s32 longitude /10000000
                    u8 _
                    .0 inTrip
                    .1 fixFailed
                    .2-7 headingDeg *5.625
                    u8 speedKmph
                    u8 battery_voltage *0.025
                    """,
                    "little",
                ),
            ),
            2: _sized(3),
            3: (
                Frame(
                    """
                    u64 _
                    .0-3 initialBatV +40 /10
                    .4-14 txCount *32
                    .15-27 tripCount *32
                    .28-37 gpsSuccesses *32
                    .38-45 gpsFails *32
                    .46-54 aveGpsFixS
                    .55-63 aveGpsFailS
                    u8 aveGpsFreshenS
                    u16 _
                    .0-6 wakeupsPerTrip
                    .7-15 uptimeWeeks
                    """,
                    "little",
                ),
            ),
            4: (
                Frame(
                    f"""
                    s24 latitude *256 /10000000
                    s24 longitude *256 /10000000
                    u8 _
                    .0-2 headingDeg *45
                    .3-7 speedKmph *5
                    u8 battery_voltage *0.025
                    {_OYSTER_FLAGS}
                    .2 manDown
                    """,
                    "little",
                ),
            ),
        },
        unless=frozenset(("oyster2", "oyster3", "2", "3", "edge")),
        finish=_oyster,
    ),
    Single(
        "ellenex-level",
        ("ellenex pls2", "ellenex pls3"),
        {
            # Counts or millimetres, bar or kPa: the maker leaves the unit to the sensor's range.
            15: (Frame("x3\n s16 level_as_sent\n x2\n u8 battery_voltage /10"),)
        },
        unless=frozenset(("v6", "ver6")),
    ),
    Single(
        "ellenex-pressure",
        ("ellenex pts2",),
        {15: (Frame("x3\n s16 pressure_as_sent\n x2\n u8 battery_voltage /10"),)},
        unless=frozenset(("v6", "ver6")),
    ),
)
"""In the order in which they are asked; no payload belongs to two of them."""
