"""The demo city: two dozen devices in Dortmund's districts and in Schwerte.

Districts and places are real, the devices are not. DevEUIs and gateway ids carry the bit that
marks a locally administered EUI-64 (IEEE 802, "Guidelines for Use of EUI"), so that they can't
be mistaken for anyone's hardware.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from fleet.devices import (
    Device,
    LoraDevice,
    Plug,
    SmlMeter,
    Values,
    building_meter,
    outdoors,
    pack_elsys,
    pack_meter,
    pack_station,
    room,
    street,
)
from fleet.ledger import Ledger
from fleet.loads import Appliance, Building, Household, Load, Panels, Together
from fleet.nature import Weather, key_of, uniform
from fleet.network import Identity

ZONE = ZoneInfo("Europe/Berlin")
_LATITUDE, _LONGITUDE = 51.5, 7.5
_NAMES = {"dortmund": "Dortmund", "schwerte": "Schwerte"}

_ROOMS = (  # name, tenant, district, seats, m3
    ("dortmund-hoerde-schule-co2", "dortmund", "Hörde", 27, 210.0),
    ("dortmund-hoerde-kita-co2", "dortmund", "Hörde", 18, 170.0),
    ("dortmund-innenstadt-ost-gymnasium-co2", "dortmund", "Innenstadt-Ost", 29, 220.0),
    ("dortmund-eving-gesamtschule-co2", "dortmund", "Eving", 28, 200.0),
    ("dortmund-aplerbeck-bezirksamt-co2", "dortmund", "Aplerbeck", 6, 90.0),
    ("schwerte-mitte-rathaus-co2", "schwerte", "Schwerte-Mitte", 8, 110.0),
    ("schwerte-holzen-schule-co2", "schwerte", "Holzen", 26, 190.0),
)
_STREETS = (  # name, tenant, district, busy dB
    ("dortmund-innenstadt-nord-borsigplatz-laerm", "dortmund", "Innenstadt-Nord", 71.0),
    ("dortmund-innenstadt-west-wall-laerm", "dortmund", "Innenstadt-West", 74.0),
    ("schwerte-mitte-bahnhof-laerm", "schwerte", "Schwerte-Mitte", 67.0),
)
_STATIONS = (  # name, tenant, district
    ("dortmund-hoerde-phoenixsee-wetter", "dortmund", "Hörde"),
    ("dortmund-huckarde-kokerei-hansa-wetter", "dortmund", "Huckarde"),
    ("schwerte-villigst-ruhr-wetter", "schwerte", "Villigst"),
)
_BUILDINGS = (  # name, tenant, district, base W, open W, hours
    ("dortmund-luetgendortmund-schule-strom", "dortmund", "Lütgendortmund", 1_800, 14_000, (7, 16)),
    ("dortmund-mengede-sporthalle-strom", "dortmund", "Mengede", 900, 7_500, (8, 22)),
    ("schwerte-ergste-grundschule-strom", "schwerte", "Ergste", 1_100, 6_500, (7, 15)),
)
_HOUSEHOLDS = (  # name, base W, solar peak W (0: none), registers at the start in Wh
    ("dortmund-scharnhorst-haushalt-strom", 95, 0, 18_204_311, 0),
    ("dortmund-aplerbeck-haushalt-strom", 140, 0, 9_730_052, 0),
    ("dortmund-brackel-haushalt-pv", 120, 6_200, 6_118_940, 11_402_377),
    ("dortmund-hombruch-haushalt-pv", 160, 9_400, 3_905_118, 14_873_206),
    ("schwerte-geisecke-haushalt-strom", 80, 0, 12_460_787, 0),
    ("schwerte-westhofen-haushalt-pv", 110, 7_800, 5_220_671, 9_034_519),
)
_PLUGS = (  # name, standby W, run W, hours, register at the start in Wh
    ("dortmund-innenstadt-west-bibliothek-kopierer", 9, 640, (8.5, 18.5), 214_506),
    ("schwerte-mitte-buergerbuero-kaffee", 2, 1_420, (7.0, 16.5), 88_141),
)


def city(seed: int) -> list[Device]:
    """Return the demo city's devices; the seed decides everything that isn't named above."""
    key = key_of("city", seed)
    weather = Weather(key, latitude=_LATITUDE, longitude=_LONGITUDE)
    devices: list[Device] = []
    for name, tenant, district, seats, volume_m3 in _ROOMS:
        physics = room(key_of(key, name), weather, ZONE, seats=seats, volume_m3=volume_m3)
        devices.append(_lora(seed, name, tenant, district, "ELSYS ERS CO2", physics))
    for name, tenant, district, busy_db in _STREETS:
        physics = street(key_of(key, name), weather, ZONE, busy_db=busy_db)
        devices.append(_lora(seed, name, tenant, district, "ELSYS ERS Sound", physics))
    for name, tenant, district in _STATIONS:
        physics = outdoors(key_of(key, name), weather)
        devices.append(_lora(seed, name, tenant, district, "Cayenne LPP Weather", physics))
    for name, tenant, district, base_w, open_w, hours in _BUILDINGS:
        own = key_of(key, name)
        load = Building(own, ZONE, base_w=base_w, open_w=open_w, hours=hours)
        start_wh = int(20_000_000 + 80_000_000 * uniform(own, 0))
        physics = building_meter(own, Ledger(own, load, import_wh=start_wh))
        devices.append(_lora(seed, name, tenant, district, "Cayenne LPP Meter", physics))
    devices += [_household(key, weather, *row) for row in _HOUSEHOLDS]
    for name, standby_w, run_w, hours_of_use, start_wh in _PLUGS:
        own = key_of(key, name)
        machine = Appliance(own, ZONE, standby_w=standby_w, run_w=run_w, hours=hours_of_use)
        devices.append(Plug(name, Ledger(own, machine, import_wh=start_wh), ZONE))
    return devices


def _lora(
    seed: int,
    name: str,
    tenant: str,
    district: str,
    profile: str,
    physics: Callable[[int], Values],
) -> LoraDevice:
    elsys_profile = profile.startswith("ELSYS")
    packs = {"Cayenne LPP Weather": pack_station, "Cayenne LPP Meter": pack_meter}
    return LoraDevice(
        identity=Identity(
            dev_eui=_local_eui("device", seed, name),
            name=name,
            profile=profile,
            tenant=_NAMES[tenant],
            application=f"{tenant}-sensors",
            tags={"tenant": tenant, "district": district},
        ),
        physics=physics,
        pack=packs.get(profile, pack_elsys),
        gateway_id=_local_eui("gateway", seed, district),
        f_port=5 if elsys_profile else 2,
    )


def _household(
    key: int, weather: Weather, name: str, base_w: int, peak_w: int, import_wh: int, export_wh: int
) -> SmlMeter:
    own = key_of(key, name)
    load: Load = Household(own, ZONE, base_w=base_w)
    if peak_w:
        load = Together(load, Panels(weather, peak_w=peak_w))
    ledger = Ledger(own, load, import_wh=import_wh, export_wh=export_wh)
    return SmlMeter(name, ledger, ZONE, two_way=peak_w > 0)


def _local_eui(*parts: object) -> str:
    """Return an EUI-64 with the bit for local administration set and the group bit clear."""
    eui = key_of(*parts)
    return f"{(eui | 0x02 << 56) & ~(0x01 << 56) & (1 << 64) - 1:016x}"
