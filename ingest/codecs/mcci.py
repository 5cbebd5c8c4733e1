"""MCCI Catena boards and Models 4811 to 4933: flags, and a run of fields that they announce.

Source: the decoders that MCCI publishes (TheThingsNetwork/lorawan-devices, `vendor/mcci`) and its
"Understanding MCCI Catena data sent on port …" (mcci-catena/MCCI-Catena-4430, Catena-Sketches and
MCCI-Catena-PMS7003, `extra/`). The formats are named by port and first byte.

A message is, big-endian: on some ports a byte that names the format, on some a time, then a byte
of flags, and the field of each flag from the lowest bit on. A flag above those that the maker
explains announces what comes last: it is passed over. So is what follows the fields of Models 4931
and 4933, for the maker's own examples carry more than their flags say; one byte is 4931's state.

- Dew point, heat index, air quality indices, the height of water and the resistance of the gas
  sensor are computed by the maker's decoder from what is here, and are left out.
- Light as `irradiance` is in counts. The energies of Model 4811 and TVOC come without a unit, and
  keep the maker's names.
- GPS time becomes UTC with all leap seconds; the maker's decoder subtracts 17 of 18. The times of
  Models 4917, 4931 and 4933 count from epochs on which the maker's decoders disagree: left out.
- Format 11h: the maker's decoder forgets the sign of soil and water; in 15h it has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.codecs.mcci_formats import Format, Part, part, read, sflt16, sflt24, uflt16
from ingest.errors import PayloadError
from ingest.gps import utc_ns
from ingest.reading import Measurement

_SECOND_NS = 1_000_000_000
_BATTERY, _BUS, _SYSTEM = (
    f"s16 {name} /4096" for name in ("battery_voltage", "voltage:bus", "voltage:system")
)
_BOOT = "u8 boot"
_T, _P, _RH = "s16 temperature /256", "u16 pressure /25", "u16 humidity *100 /65535"
_COARSE = f"{_T}; {_P}; u8 humidity *100 /256"
_FINE, _DRY = f"{_T}; {_P}; {_RH}", f"{_T}; {_RH}"
_COUNTS = "u16 irradiance.IR; u16 irradiance.White; u16 irradiance.UV"
_LUX, _LUX24 = "u16 illuminance", "u24 illuminance"
_WATER = "s16 temperature:water /256"
_SOIL = "s16 temperature:soil /256; u8 humidity:soil *100 /256"
_PER_HOUR = 60 * 60 * 4

_START = (part(1, _BATTERY), part(2, _BUS), part(4, _BOOT))
_INDOOR = (*_START, part(8, _COARSE), part(0x10, _LUX))
_SIMPLE = (part(1, _BATTERY), part(2, _SYSTEM), part(4, _BOOT))
_POWERED = (part(1, _BATTERY), part(2, _SYSTEM), part(4, _BUS), part(8, _BOOT))


def _one(head: int, *parts: Part) -> Format:
    return Format(head, (parts,))


Key = tuple[int, int | None]
_GENERIC: dict[Key, Format] = {
    (1, 0x11): _one(
        1,
        *_START[:2],
        part(4, _COARSE),
        part(8, _LUX),
        part(0x10, _WATER),
        part(0x20, _SOIL),
    ),
    (1, 0x14): _one(
        1,
        *_INDOOR,
        part(0x20, "u16 powerUsedCount; u16 powerSourcedCount"),
        part(0x40, "u16 powerUsedPerHour; u16 powerSourcedPerHour", uflt16, _PER_HOUR),
    ),
    (1, 0x15): _one(1, *_INDOOR, part(0x20, _WATER), part(0x40, _SOIL)),
    (1, 0x16): _one(1, *_INDOOR, part(0x20, "u16 pressure:water /25")),
    (1, 0x17): _one(
        1,
        *_INDOOR,
        part(0x20, "u16 iaq", uflt16, 512),
        part(0x40, "u16 log_r_gas", uflt16, 16),
        part(0x80, "u8 _; .0-1 iaqQuality"),
    ),
    (2, None): _one(0, *_SIMPLE, part(8, _COARSE), part(0x10, _COUNTS), part(0x20, _BUS)),
    (3, None): _one(0, *_SIMPLE, part(8, _DRY), part(0x10, _COUNTS), part(0x20, _BUS)),
    (4, None): _one(0, *_SIMPLE, part(8, _COARSE), part(0x10, _LUX24, sflt24), part(0x20, _BUS)),
    (6, None): _one(0, *_SIMPLE, part(8, _DRY), part(0x10, _LUX24, sflt24), part(0x20, _BUS)),
}
_MODBUS = _GENERIC | {
    (4, None): Format(0, ((*_SIMPLE, part(8, _DRY)),), tail="registers"),
}
_FEATHER: dict[Key, Format] = {
    (1, 0x14): _one(
        1,
        *(part(1, _BATTERY), part(2, _SYSTEM), part(4, _BOOT), part(8, _FINE)),
        part(0x10, "u16 irradiance.White", uflt16, 2**24),
    ),
    (1, 0x1A): _one(1, *_SIMPLE, part(8, _DRY), part(0x10, _LUX24, sflt24)),
}

_WHITE = part(0x20, "u16 irradiance.White", uflt16, 2**24)
_BRIGHT = part(0x20, _LUX24, sflt24)
_PELLETS = part(
    0x40,
    "u16 pellets.Total:1; u8 pellets.Delta:1; u16 pellets.Total:2; u8 pellets.Delta:2",
)
_AIR = (
    part(1, _BATTERY),
    part(2, "x4"),
    part(4, "u16 co2", uflt16, 40000),
    part(8, _BOOT),
)


def _timed(found: list[Measurement], payload: bytes) -> list[Measurement]:
    time_ns = utc_ns(int.from_bytes(payload[1:5]) * _SECOND_NS)
    return [one._replace(time_ns=max(time_ns, 1)) for one in found]


def _animals(parts: tuple[Part, ...], env: str, light: Part) -> Format:
    """Return a format with time, pellets, and activity to its end (which a flag announces)."""
    group = (*parts, part(0x10, env), light, _PELLETS)
    return Format(5, (group,), finish=_timed)


_ANIMALS: dict[int, Format] = {
    0x22: _animals(_POWERED, _FINE, _WHITE),
    0x33: _animals(_POWERED, _DRY, _BRIGHT),
    0x26: _animals(_AIR, _FINE, _WHITE),
    0x36: _animals(_AIR, _DRY, _BRIGHT),
}
_ACTIVITY = 0x80
_ACTIVITY_NOW = _one(
    1,
    *_POWERED,
    part(0x10, _FINE),
    part(0x20, _COUNTS),
    part(0x40, "u16 activity:avg; u16 activity:min; u16 activity:max", sflt16),
)


def _animal_activity(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what a monitor of animals counted and saw; its answers to commands measure nothing."""
    name = "MCCI animal activity"
    if f_port not in range(1, 5):
        raise PayloadError(f"{name} FPort", "1 to 4", f_port)
    form = _ANIMALS.get(payload[0]) if payload else None
    if form is None:
        if (f_port < 3 and len(payload) == 1 and payload[0] < 5) or (
            f_port == 3 and payload and payload[0] in range(2, 8)
        ):
            return []
        raise PayloadError(
            f"{name} format", "22h, 26h, 33h or 36h", payload[:1].hex() or "no bytes"
        )
    if len(payload) > form.head and payload[form.head] & _ACTIVITY:
        flags = payload[form.head] & ~_ACTIVITY
        plain = payload[: form.head] + bytes((flags,)) + payload[form.head + 1 :]
        return read(name, form._replace(tail="activity", number=sflt16), plain)
    return read(name, form, payload)


def _demand(found: list[Measurement], payload: bytes) -> list[Measurement]:
    """Add what the maker leaves out of the message because it is zero."""
    flags, there = payload[1], {one.quantity for one in found}
    zeros = {
        "ModbusError": not flags & 0x04,
        "mainDemand": not flags & 0x14,
        "branchDemand": bool(flags & 0x20),
    }
    absent = [name for name, is_zero in zeros.items() if is_zero and name not in there]
    return found + [Measurement(name, 0.0) for name in absent]


_POWER_METER: dict[Key, Format] = {
    (1, 0x19): _one(
        1,
        part(1, _BATTERY),
        part(2, _BOOT),
        part(4, "s16 ModbusError"),
        part(8, "s32 energyUsed *100; s32 energySourced *100"),
        part(0x10, "f32 mainDemand"),
        part(0x20, "s32 branchEnergyUsed *100"),
        part(0x40, "f32 branchDemand"),
    )._replace(finish=_demand),
}


def _dust(env: str, port: int) -> Format:
    tvoc, sizes = "u16 tvoc_as_sent", ("0.3", "0.5", "1.0", "2.5", "5", "10")
    particles = part(0x20, "u16 pm1; u16 pm2_5; u16 pm10", uflt16, 65536)
    counts = part(0x40, ";".join(f"u16 dust.{size}" for size in sizes), uflt16, 65536)
    start = (*_POWERED, part(0x10, env))
    if port == 1:
        return _one(1, *start, particles, counts, part(0x80, tvoc))
    return _one(1, *start, part(0x20, tvoc), particles, counts)


_AIR_QUALITY: dict[Key, Format] = {
    (port, number): _dust(env, port)
    for port in (1, 5)
    for number, env in ((0x20, _FINE), (0x21, _DRY))
}
_SEQUENCE = _one(
    1,
    part(1, "u16 sequenceNumber"),
    part(2, "x4"),
    part(4, _BATTERY),
    part(8, _BOOT),
    part(0x10, "s16 temperature:bottom /256"),
    part(0x20, "s16 temperature:middle /256"),
    part(0x40, "s16 temperature:flex /256; u16 humidity:flex *100 /65535"),
)
_SOIL_PROBE = "s16 temperature:soil_{0} /100; u16 soil_{0}_VMC /100; u16 soil_{0}_Type"


def _card(found: list[Measurement], payload: bytes) -> list[Measurement]:
    """Add the state of the memory card, where the byte is one that the maker explains.

    The trees' pressures are told as voltages, and by the line that the maker draws through them.
    """
    told: list[Measurement] = []
    for one in found:
        told.append(one)
        if one.quantity in _TREES:
            pressure = 750 * one.value - 1375
            told.append(Measurement(one.quantity.removesuffix("_mV"), pressure))
    if payload[1] <= 3:
        told.append(Measurement("sdCardPresence", float(payload[1] & 1)))
        told.append(Measurement("sdCardWorking", float(payload[1] >> 1)))
    return told


_TREES = ("p_1_mV", "p_2_mV")
_MAPLE = Format(
    2,
    (
        (
            *_START,
            part(8, _DRY),
            part(0x10, _P),
            part(0x20, "s16 temperature:probe_1 /256"),
            part(0x40, "s16 temperature:probe_2 /256"),
            part(0x80, _SOIL_PROBE.format(1)),
        ),
        (
            part(1, _SOIL_PROBE.format(2)),
            part(2, "s16 p_1_mV /4096"),
            part(4, "s16 p_2_mV /4096"),
            part(8, "u16 sap_1_GallonsPerTap"),
            part(8, "u16 sap_1_GallonsPerTapPerHour", uflt16, _PER_HOUR),
            part(0x10, "u16 rainCount"),
            part(0x10, "u16 rainPerHour", uflt16, _PER_HOUR),
            part(0x20, "x4"),
        ),
    ),
    more=True,
    last="state",
    finish=_card,
)
_GAS = Format(
    1,
    (
        (
            *_START,
            part(
                8,
                "u16 pm.0.1; u16 pm.0.3; u16 pm.0.5; u16 pm1; u16 pm2_5; u16 pm.5.0; u16 pm10",
                uflt16,
                512,
            ),
            part(8, "u32 pc.1.0; u32 pc.2.5; u32 pc.10"),
            part(0x10, "u16 COppm", uflt16, 1000),
            part(0x20, "u16 NO2ppm", uflt16, 10),
            part(0x40, "u16 O3ppm", uflt16, 30),
            part(0x80, "u16 SO2ppm", uflt16, 30),
            part(0, "s16 vCO /4096; s16 vNO2 /4096; s16 vO3 /4096; s16 vSO2 /4096"),
        ),
        (part(1, _DRY), part(2, _P), part(4, "x4")),
    ),
    more=True,
)


@dataclass(frozen=True, eq=False)
class Model:
    """A codec: its words, its formats by port and first byte, and the port of its answers.

    animals  whether it may be a monitor of animals, whose formats go over several ports
    """

    NAME: str
    words: tuple[str, ...]
    formats: Mapping[Key, Format] = field(repr=False)
    answers: int | None = None
    animals: bool = False

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model where all words of one alternative are there."""
        del dev_eui
        return any(words.issuperset(one.split()) for one in self.words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says; an answer to a command measures nothing.

        Errors  PayloadError for a port, format or flag that the maker does not document.
        """
        if f_port == self.answers:
            return []
        form = self.formats.get((f_port, payload[0])) if payload else None
        form = form or self.formats.get((f_port, None))
        if form is None and self.animals:
            return _animal_activity(payload, f_port)
        if form is None:
            known = ", ".join(
                f"{port}" if number is None else f"{port} with {number:02x}h"
                for port, number in self.formats
            )
            raise PayloadError(
                f"{self.NAME} FPort and format", known, f"{f_port} with {payload[:1].hex()}"
            )
        return read(self.NAME, form, payload)


def _catena(*numbers: str) -> tuple[str, ...]:
    return tuple(f"{word}{number}" for number in numbers for word in ("catena", "catena ", "mcci "))


def _model(*numbers: str) -> tuple[str, ...]:
    return tuple(
        f"{word}{number}" for number in numbers for word in ("model", "mcci model ", "mcci ")
    )


CODECS: tuple[Model, ...] = (
    Model("mcci-catena-4430", _catena("4430"), {(1, 0x21): _ACTIVITY_NOW}, animals=True),
    Model("mcci-catena-4610", _catena("4610"), _FEATHER, animals=True),
    Model("mcci-catena-modbus", _catena("4801", "4802"), _MODBUS),
    Model("mcci-4811", _model("4811"), _POWER_METER),
    Model("mcci-4841", _model("4841"), _AIR_QUALITY),
    Model("mcci-4917", _model("4917"), {(1, 0x35): _SEQUENCE, (2, 0x35): _SEQUENCE}, 3),
    Model("mcci-4931", _model("4931"), {(1, 0x37): _MAPLE, (4, 0x37): _MAPLE}, 3),
    Model("mcci-4933", _model("4933"), {(1, 0x38): _GAS}, 3),
    Model(
        "mcci-catena",
        (
            *_catena("4410", "4450", "4460", "4470", "4551", "4612", "4617", "4618", "4618m201"),
            *_model("4821", "4822", "4823", "4831", "4832"),
            "catena generic",
        ),
        _GENERIC,
    ),
)
"""In the order in which they are asked; a board's number says which formats it has."""
