"""The French meters behind a Watteco TIC sensor: what their customer's output (TIC) says.

Source: Watteco, "TIC application layer description" 1.2 (clusters 0054, 0056 and 0057) and its
decoder (Watteco/Codec-API-LoRaWAN, codec/tic.js); Enedis-NOI-CPT_54E for what the labels mean.

    1 byte    bits 0-4 how many bytes the descriptor has, this one with them (0 means 8),
              bit 5: it is a list of fields, else a field of bits, the last byte's lowest first
    fields    in the order of the descriptor

Each line of a table is a field: its label, its type, and where its value goes. A label alone
keeps its name, "-" is no measurement; texts, dates and the names of tariffs are none either.

    u8 u16 u24 u32 s16 f32   numbers, big-endian      c text that ends with a zero byte
    D date of 6 bytes        S season and date, 7     x bytes that state their length first
    T seconds, 4 bytes       1 one letter             e a word of a list, or a text (highest bit)
    p eleven times of day: FF, or the hour, the minute and two bytes

A "+" joins types; the value is the number among them. Energies of Linky and of the older meters
count up for ever, in Wh; those of PME-PMI begin anew with each tariff's period, and so keep their
labels, in the maker's unit (Wh, kWh; powers in kW).

Not read: 0053 and 0055, meters that are out of use; the maker's decoder reads them wrongly.
"""

import struct
from math import isfinite
from typing import NamedTuple

from ingest.codecs.frames import cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

_HISTORIC = """
ADIR1 u16; ADIR2 u16; ADIR3 u16; ADCO c; OPTARIF c; ISOUSC u8
BASE u32 active_energy_import; HCHC u32 active_energy_import:HCHC
HCHP u32 active_energy_import:HCHP; EJPHN u32 active_energy_import:EJPHN
EJPHPM u32 active_energy_import:EJPHPM; BBRHCJB u32 active_energy_import:BBRHCJB
BBRHPJB u32 active_energy_import:BBRHPJB; BBRHCJW u32 active_energy_import:BBRHCJW
BBRHPJW u32 active_energy_import:BBRHPJW; BBRHCJR u32 active_energy_import:BBRHCJR
BBRHPJR u32 active_energy_import:BBRHPJR; PEJP u8; GAZ u32; AUTRE u32; PTEC c; DEMAIN c
IINST u16 current; IINST1 u16 current:L1; IINST2 u16 current:L2; IINST3 u16 current:L3
ADPS u16; IMAX u16; IMAX1 u16; IMAX2 u16; IMAX3 u16; PMAX u32; PAPP u32 apparent_power
HHPHC 1; MOTDETAT c; PPOT u8
"""

_LINKY = """
ADSC c; VTIC u8 -; DATE S; NGTF e; LTARF e; EAST u32 active_energy_import
EASF01 u32 active_energy_import:EASF01; EASF02 u32 active_energy_import:EASF02
EASF03 u32 active_energy_import:EASF03; EASF04 u32 active_energy_import:EASF04
EASF05 u32 active_energy_import:EASF05; EASF06 u32 active_energy_import:EASF06
EASF07 u32 active_energy_import:EASF07; EASF08 u32 active_energy_import:EASF08
EASF09 u32 active_energy_import:EASF09; EASF10 u32 active_energy_import:EASF10
EASD01 u32 active_energy_import:EASD01; EASD02 u32 active_energy_import:EASD02
EASD03 u32 active_energy_import:EASD03; EASD04 u32 active_energy_import:EASD04
EAIT u32 active_energy_export
ERQ1 u32 reactive_energy_import:Q1; ERQ2 u32 reactive_energy_import:Q2
ERQ3 u32 reactive_energy_export:Q3; ERQ4 u32 reactive_energy_export:Q4
IRMS1 u16 current:L1; IRMS2 u16 current:L2; IRMS3 u16 current:L3
URMS1 u16 voltage:L1; URMS2 u16 voltage:L2; URMS3 u16 voltage:L3; PREF u8; PCOUP u8
SINSTS u24 apparent_power; SINSTS1 u24 apparent_power:L1; SINSTS2 u24 apparent_power:L2
SINSTS3 u24 apparent_power:L3; SMAXSN S+u24; SMAXSN1 S+u24; SMAXSN2 S+u24; SMAXSN3 S+u24
SMAXSN-1 S+u24; SMAXSN1-1 S+u24; SMAXSN2-1 S+u24; SMAXSN3-1 S+u24; SINSTI u24; SMAXIN S+u24
SMAXIN-1 S+u24; CCASN S+u24; CCASN-1 S+u24; CCAIN S+u24; CCAIN-1 S+u24
UMOY1 S+u16; UMOY2 S+u16; UMOY3 S+u16; STGE u32; DPM1 S+u8; FPM1 S+u8; DPM2 S+u8; FPM2 S+u8
DPM3 S+u8; FPM3 S+u8; MSG1 c; MSG2 c; PRM c; RELAIS u8; NTARF u8; NJOURF u8; NJOURF+1 u8
PJOURF+1 p; PPOINTE p
"""

_PME_PMI = """
TRAME e; ADS x; MESURES1 e; DATE D; EA_s u24; ER+_s u24; ER-_s u24; EAPP_s u24
EA_i u24; ER+_i u24; ER-_i u24; EAPP_i u24; PTCOUR1 e; TARIFDYN e; ETATDYN1 e; PREAVIS1 e
TDYN1CD T+e; TDYN1CF T+e; TDYN1FD T+e; TDYN1FF T+e; MODE e; CONFIG e; DATEPA1 D; PA1_s u16
PA1_i u16; DATEPA2 T; PA2_s u16; PA2_i u16; DATEPA3 T; PA3_s u16; PA3_i u16; DATEPA4 T
PA4_s u16; PA4_i u16; DATEPA5 T; PA5_s u16; PA5_i u16; DATEPA6 T; PA6_s u16; PA6_i u16
DebP T; EAP_s u24; EAP_i u24; ER+P_s u24; ER-P_s u24; ER+P_i u24; ER-P_i u24; DebP-1 T
FinP-1 T; EaP-1_s u24; EaP-1_i u24; ER+P-1_s u24; ER-P-1_s u24; ER+P-1_i u24; ER-P-1_i u24
PS u24+e; PREAVIS e; PA1MN u16; PMAX_s u24+e; PMAX_i u24+e; TGPHI_s f32; TGPHI_i f32
MESURES2 e; PTCOUR2 e; ETATDYN2 e; PREAVIS2 e; TDYN2CD T+e; TDYN2CF T+e; TDYN2FD T+e
TDYN2FF T+e; DebP_2 T; EaP_s2 u24; DebP-1_2 T; FinP-1_2 T; EaP-1_s2 u24; _DDMES1_ u24
"""

_FIXED = {"D": 6, "S": 7, "T": 4, "1": 1}
_TEXT_BIT, _TIMES_OF_DAY, _NO_TIME = 0x80, 11, 0xFF
_SIZE_BITS, _SIZE_DEFAULT, _LIST_BIT = 0x1F, 8, 0x20


class Field(NamedTuple):
    """A field of a meter: its types, and the quantity and channel of its number."""

    label: str
    kinds: tuple[str, ...]
    quantity: str
    channel: str


def _fields(table: str) -> tuple[Field, ...]:
    found = []
    for line in table.strip().replace("\n", "; ").split("; "):
        label, kinds, *place = line.split()
        quantity, _, channel = (place[0] if place else label).partition(":")
        found.append(Field(label, tuple(kinds.split("+")), quantity, channel))
    return tuple(found)


METERS = {0x0054: _fields(_HISTORIC), 0x0056: _fields(_LINKY), 0x0057: _fields(_PME_PMI)}
"""The fields of each cluster, in the order of the descriptor's bits."""


def read(content: bytes, cluster: int) -> list[Measurement]:
    """Return the numbers that a frame of the meter tells.

    Errors  PayloadError for a field that the meter has not, or a frame that ends early or late.
    """
    meter, name = METERS[cluster], f"watteco TIC {cluster:04x}"
    if not content:
        raise cut_short(name, 0, 1, 0)
    at = content[0] & _SIZE_BITS or _SIZE_DEFAULT
    if at > len(content):
        raise cut_short(name, 0, at, len(content))
    found: list[Measurement] = []
    for nth in _told(content[:at]):
        if nth >= len(meter):
            raise PayloadError(f"{name} field", f"one of {len(meter)}", nth)
        field, number = meter[nth], None
        for kind in field.kinds:
            end = _end(content, at, kind, name)
            number = _number(content[at:end], kind) if kind[0] in "usf" else number
            at = end
        if number is not None and isfinite(number) and field.quantity != "-":
            found.append(Measurement(field.quantity, number, field.channel))
    if at != len(content):
        raise PayloadError(f"{name} length", f"{at} bytes", f"{len(content)}: {content.hex()}")
    return found


def _told(descriptor: bytes) -> list[int]:
    """Return which fields follow, by their place in the meter's table."""
    if descriptor[0] & _LIST_BIT:
        return list(descriptor[1:])
    bits = int.from_bytes(descriptor[1:], "big")
    return [nth for nth in range(bits.bit_length()) if bits >> nth & 1]


def _end(content: bytes, at: int, kind: str, name: str) -> int:
    """Return where a value ends, or raise PayloadError."""
    end = at + _FIXED.get(kind, 1)
    if kind[0] in "usf":
        end = at + int(kind[1:]) // 8
    elif kind == "c":
        end = content.find(0, at) + 1 or len(content) + 1
    elif at < len(content):
        if kind == "x":
            end = at + 1 + content[at]
        elif kind == "e" and content[at] & _TEXT_BIT:
            end = at + 1 + content[at] - _TEXT_BIT
        elif kind == "p":
            end = _past_times(content, at)
    if end > len(content):
        raise cut_short(name, at, end - at, len(content) - at)
    return end


def _past_times(content: bytes, at: int) -> int:
    for _ in range(_TIMES_OF_DAY):
        at += 1 if content[at : at + 1] == bytes((_NO_TIME,)) else 4
    return at


def _number(raw: bytes, kind: str) -> float:
    if kind == "f32":
        return float(struct.unpack(">f", raw)[0])
    return float(int.from_bytes(raw, "big", signed=kind[0] == "s"))
