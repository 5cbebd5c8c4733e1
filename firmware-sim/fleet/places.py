"""Where things stand: Dortmund's twelve city districts, and Schwerte's parts, with rough centres.

Coordinates are rounded to a hundredth of a degree (about 1 km), so they name a district and no
house. Inhabitants, in thousands, weigh how many devices a district gets.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """A district: its city, its name, its name in a device's name, its centre, its weight."""

    city: str
    district: str
    short: str
    latitude: float
    longitude: float
    thousands: int


PLACES = (
    Place("Dortmund", "Innenstadt-West", "innenstadt-west", 51.51, 7.44, 54),
    Place("Dortmund", "Innenstadt-Nord", "innenstadt-nord", 51.53, 7.46, 60),
    Place("Dortmund", "Innenstadt-Ost", "innenstadt-ost", 51.51, 7.49, 58),
    Place("Dortmund", "Eving", "eving", 51.55, 7.47, 39),
    Place("Dortmund", "Scharnhorst", "scharnhorst", 51.54, 7.54, 47),
    Place("Dortmund", "Brackel", "brackel", 51.53, 7.56, 56),
    Place("Dortmund", "Aplerbeck", "aplerbeck", 51.49, 7.56, 56),
    Place("Dortmund", "Hörde", "hoerde", 51.49, 7.50, 55),
    Place("Dortmund", "Hombruch", "hombruch", 51.47, 7.44, 57),
    Place("Dortmund", "Lütgendortmund", "luetgendortmund", 51.50, 7.34, 49),
    Place("Dortmund", "Huckarde", "huckarde", 51.54, 7.40, 36),
    Place("Dortmund", "Mengede", "mengede", 51.57, 7.38, 39),
    Place("Schwerte", "Schwerte-Mitte", "mitte", 51.44, 7.57, 20),
    Place("Schwerte", "Ergste", "ergste", 51.42, 7.57, 7),
    Place("Schwerte", "Geisecke", "geisecke", 51.46, 7.62, 4),
    Place("Schwerte", "Holzen", "holzen", 51.45, 7.54, 7),
    Place("Schwerte", "Villigst", "villigst", 51.44, 7.59, 3),
    Place("Schwerte", "Westhofen", "westhofen", 51.42, 7.53, 5),
)


def place_of(share: float, city: str = "") -> Place:
    """Return the place where a draw from [0, 1) falls, by inhabitants; of one city if named."""
    chosen = [place for place in PLACES if city in ("", place.city)]
    left = share * sum(place.thousands for place in chosen)
    for place in chosen:
        left -= place.thousands
        if left < 0:
            return place
    return chosen[-1]
