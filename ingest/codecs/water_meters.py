"""Water meters whose payload is one frame: B METERS IWM-LR3 and LR4, GWF RCM-LRW10, Quandify.

Source: B METERS, "IWM-LR3 - IWM-LR4" user manual v1.0, "Payload description", "Vif and management
of counters" and "Alarm byte coding"; GWF's and Quandify's decoders in the LoRaWAN device
repository (TheThingsNetwork/lorawan-devices, vendor/gwf and vendor/quandify).

- B METERS: the register is eight digits, what flowed forward less what flowed back; its unit stands
  in a byte as M-Bus has it: 13h litres, 14h ten of them, 15h a hundred, 16h cubic metres. What
  flowed back is always litres. A register that holds no digits is refused.
- GWF: the unit is a VIF of M-Bus too (10h to 17h), the medium its device type; the last two bytes
  are a CRC-16 (1021h, FFFFh) of those before. A register that the module could not read from the
  meter is no measurement; the states that say so are.
- Quandify: the top bit of the error says that the meter does not measure at all. Of its leaks the
  meter itself tells only medium (3) and large ones (4).
"""

from binascii import crc_hqx

from ingest.codecs.frames import Frame
from ingest.codecs.single_frames import Single
from ingest.errors import PayloadError
from ingest.reading import Measurement

_IWM = """
    u8 application
    d32< register
    d32< reverse_volume /1000
    u8 k_index
    u8 medium
    u8 vif
    u8 _
    .0 magnetic
    .1 removal
    .2 sensor_fraud
    .3 water_leak
    .4 reverse_flow
    .5 low_battery
"""
_IWM_APPLICATION = 0x44
_LITRES, _CUBIC_METRES = 0x13, 0x16
_SETUP = ("application", "k_index", "medium", "vif", "register")

_LRW10 = """
    u8 protocol
    x2  # maker
    x4  # number of the meter
    u8 medium
    u8 _
    .2 low_battery
    .4 temporary_error
    .5 encoder_missing
    .6 encoder_bad
    u16 actuality_duration !0xffff
    u8 vif
    u32 register
    u8 _
    .1 continuous_flow
    .3 burst
    .6 backflow
    u8 _
    .2 link_error
    .3-7 battery_life_semesters
    x2  # CRC
"""
_NO_DUE_DATE = 2
_GAS, _WATERS = 0x03, (0x06, 0x07, 0x15, 0x16)
_VIF_MIN, _VIF_MAX, _VIF_1_M3 = 0x10, 0x17, 0x16


def _values(found: list[Measurement], *names: str) -> tuple[list[Measurement], list[int]]:
    """Part the values that are measured from those that say how, which must be there."""
    setup = {one.quantity: int(one.value) for one in found if one.quantity in names}
    if len(setup) < len(names):
        raise PayloadError("B METERS register", "eight digits", "a nibble beyond 9")
    return [one for one in found if one.quantity not in names], [setup[name] for name in names]


def _iwm(found: list[Measurement]) -> list[Measurement]:
    told, (application, _, medium, vif, register) = _values(found, *_SETUP)
    if application != _IWM_APPLICATION:
        raise PayloadError("B METERS application", "44h", f"{application:02x}h")
    if not _LITRES <= vif <= _CUBIC_METRES:
        raise PayloadError("B METERS VIF", "13h to 16h", f"{vif:02x}h")
    if medium > 1:
        raise PayloadError("B METERS medium", "0 (water) or 1 (hot water)", medium)
    return [Measurement("water_volume", register * 10 ** (vif - _LITRES) / 1000), *told]


def _lrw10(found: list[Measurement]) -> list[Measurement]:
    told, (protocol, medium, vif, register) = _values(
        found, "protocol", "medium", "vif", "register"
    )
    if protocol != _NO_DUE_DATE:
        raise PayloadError("GWF protocol", "02h, without a due date", f"{protocol:02x}h")
    if medium not in (_GAS, *_WATERS):
        raise PayloadError("GWF medium", "gas or water", f"{medium:02x}h")
    if not _VIF_MIN <= vif <= _VIF_MAX:
        raise PayloadError("GWF VIF", "10h to 17h", f"{vif:02x}h")
    states = {one.quantity: one.value for one in told}
    failed = {name: states["temporary_error"] * states[name] for name in _UNREAD}
    told = [
        one._replace(value=failed.get(one.quantity, one.value))
        for one in told
        if one.quantity != "temporary_error"
    ]
    if any(failed.values()):
        return told
    scale = vif - _VIF_1_M3
    volume = register * 10**scale if scale > 0 else register / 10**-scale
    return [Measurement("gas_volume" if medium == _GAS else "water_volume", volume), *told]


_UNREAD = ("encoder_missing", "encoder_bad")


def _lrw10_checked(payload: bytes) -> None:
    """Raise PayloadError for a payload whose CRC is another than it states."""
    found, wanted = crc_hqx(payload[:-2], 0xFFFF), int.from_bytes(payload[-2:], "little")
    if found != wanted:
        raise PayloadError("GWF CRC", f"{wanted:04x}", f"{found:04x}: {payload.hex()}")


class _Checked(Single):
    """A codec whose payload ends with a check of itself."""

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says, after its CRC was checked."""
        found = super().decode(payload, f_port)
        _lrw10_checked(payload)
        return found


def _quandify(found: list[Measurement]) -> list[Measurement]:
    leak = next(one.value for one in found if one.quantity == "leak_state")
    return [*found, Measurement("water_leak", float(leak in (3, 4)))]


CODECS: tuple[Single, ...] = (
    Single(
        "b-meters-iwm",
        ("iwm lr3", "iwm lr4", "iwmlr3", "iwmlr4"),
        {1: (Frame(_IWM), Frame(f"{_IWM}\n m16> temperature /10"))},
        finish=_iwm,
    ),
    _Checked(
        "gwf-rcm-lrw10", ("rcm lrw10", "gwf lrw10"), {0: (Frame(_LRW10, "little"),)}, finish=_lrw10
    ),
    Single(
        "quandify-cubicmeter",
        ("quandify", "cubicmeter"),
        {
            1: (
                Frame(
                    """
                    x4
                    u16 _
                    .0-14 error_code
                    .15 no_sensing
                    u32 water_volume /1000
                    x12
                    u8 leak_state
                    u8 battery_voltage:active +225 *8 /1000
                    u8 battery_voltage +225 *8 /1000
                    u8 temperature:water.min -40 /2
                    u8 temperature:water.max -40 /2
                    u8 temperature:ambient -40 /2
                    """,
                    "little",
                ),
            )
        },
        finish=_quandify,
    ),
)
"""In the order in which they are asked; no payload belongs to two of them."""
