"""Where a device is, and whose: what people told the catalog."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A place of a tenant's.

    latitude, longitude  WGS 84, degrees; None: not known · area_m2  heated floor area
    public  whether everybody may see it
    """

    id: str
    tenant: str
    name: str
    district: str = ""
    sector: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    area_m2: float | None = None
    public: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A device's tenant (its site's, or its own while it has none), and its site."""

    tenant: str | None = None
    site: Site | None = None


NOWHERE = Placed()
