"""What the routes answer from: handed in by the front door, so that none of it is global."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from analytics.tariffs import Known as Plans
from api.feed import Feed
from api.problems import ForbiddenError
from api.publishing import Publishing
from ingest.erasure import Erasure
from ingest.errors import StoreUnavailable
from ingest.frames import Frames
from ingest.intake import Retried
from ingest.meter import NOTHING_KNOWN, RegisterFacts
from ingest.past import Past
from ingest.place import Placed, Site
from ingest.store import Source as Readings

if TYPE_CHECKING:
    from ingest.catalog import Catalog as Book

T = TypeVar("T")


class Source(Protocol):
    """How a broker is (the gateway's Health has these)."""

    @property
    def name(self) -> str:
        """A short name."""

    @property
    def url(self) -> str:
        """Its address, without a password."""

    @property
    def connected(self) -> bool:
        """Whether it is connected now."""

    @property
    def since_ns(self) -> int:
        """Since when it has been so, UTC ns."""

    @property
    def messages(self) -> int:
        """How many messages came from it since the start."""

    @property
    def error(self) -> str | None:
        """What is wrong, in a sentence; None: nothing."""

    @property
    def bytes(self) -> int:
        """How many bytes of messages came from it since the start."""

    @property
    def last_ns(self) -> int | None:
        """When the last one came, UTC ns."""

    @property
    def connections(self) -> int:
        """How often it was connected since the start."""

    @property
    def at_most_once(self) -> Sequence[str]:
        """Topics that come at QoS 0."""


class Notice(Protocol):
    """How one who is told of anomalies is (the gateway's Notice has these)."""

    @property
    def name(self) -> str:
        """A short name."""

    @property
    def kind(self) -> str:
        """On which way: webhook, email, mqtt."""

    @property
    def sent(self) -> int:
        """How many messages were sent since the start."""

    @property
    def waiting(self) -> int:
        """How many are to be tried (again)."""

    @property
    def held(self) -> int:
        """How many anomalies wait: to last, for the end of quiet hours, or of a burst."""

    @property
    def failed(self) -> int:
        """How many messages were given up since the start."""

    @property
    def error(self) -> str | None:
        """Why the last try failed, in a sentence; None: it did not."""


class Live(Protocol):
    """What the live analysis tells of itself (analytics/live.py)."""

    fault: str | None

    def lag(self) -> int:
        """Return how many commits it is behind."""

    def lag_s(self) -> float:
        """Return for how long it has been behind."""

    def due(self) -> int:
        """Return how many looks at hours and days are due."""

    def silent(self) -> set[str]:
        """Return the devices that are silent now."""


class Catalog(Protocol):
    """What people know. Every method raises StoreUnavailable while it can't be asked."""

    def facts(self, device: str, quantity: str, channel: str) -> RegisterFacts:
        """Return what people know of a register's meters."""

    def sites(self) -> Sequence[Site]:
        """Return every site, by id."""

    def placed(self) -> Mapping[str, Placed]:
        """Return where each device is that has a tenant or a site."""

    def asked(self, ask: Callable[["Book"], T]) -> T:
        """Return what `ask` answers, given the catalog's tables."""


class Tariffs(Protocol):
    """What a kWh counts for (analytics/tariffs.py)."""

    def known(self) -> Plans:
        """Return the tariffs and CO2 intensities that are there now, and files that are broken."""


class _NoTariffs:
    def known(self) -> Plans:
        return Plans()


class _NoCatalog:
    def facts(self, device: str, quantity: str, channel: str) -> RegisterFacts:
        return NOTHING_KNOWN

    def sites(self) -> Sequence[Site]:
        return ()

    def placed(self) -> Mapping[str, Placed]:
        return {}

    def asked(self, ask: Callable[["Book"], T]) -> T:
        raise StoreUnavailable("there is no catalog")


def _nothing_to_erase(device: str, before_ns: int | None, trial: bool) -> Erasure:
    raise StoreUnavailable("nothing can be erased here")


@dataclass(frozen=True, slots=True)
class House:
    """The rooms behind the API.

    sources      how each broker is, now
    store_fault  what keeps the store from taking readings now, in a sentence; None: nothing
    waiting      messages that have arrived and are not yet durable
    retry        decodes refused messages (of one rule) again
    past         the messages that are kept; None: none are
    frames       the account of a device's frame counter; None: it has none
    all_frames   the sum of them all
    tariffs      what a kWh costs, and how much CO2 it stands for
    notices      how each is who is told of anomalies
    catalog      what people know of meters, sites and where devices are
    tenant       whose part of the house this is; None: it is whole
    kind         of the store, as the settings call it
    where        the zone for times without one, and for calendar periods
    erase        erases a device (before a time, UTC ns; in a trial)
    publishing   how publishing over MQTT goes; None: nothing is published
    heard_again  how many of our own messages came back by a subscription
    virtual_meters  formulas that have a name
    public       whether totals and public places are shown to everybody
    """

    store: Readings
    live: Live
    feed: Feed
    sources: Callable[[], Sequence[Source]]
    store_fault: Callable[[], str | None]
    waiting: Callable[[], int]
    retry: Callable[[str | None], Retried]
    now_ns: Callable[[], int]
    started_ns: int
    where: tzinfo
    version: str
    past: Past | None = None
    kind: str = "embedded"
    frames: Callable[[str], Frames | None] = lambda device: None
    all_frames: Callable[[], Frames] = lambda: Frames(0, 0)
    catalog: Catalog = field(default_factory=_NoCatalog)
    tenant: str | None = None
    virtual_meters: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    publishing: Callable[[], Publishing | None] = lambda: None
    heard_again: Callable[[], int] = lambda: 0
    erase: Callable[[str, int | None, bool], Erasure] = _nothing_to_erase
    tariffs: Tariffs = field(default_factory=_NoTariffs)
    notices: Callable[[], Sequence[Notice]] = tuple

    def facts(self, device: str, quantity: str, channel: str) -> RegisterFacts:
        """Return what people know of a register's meters."""
        return self.catalog.facts(device, quantity, channel)

    def sites(self) -> Sequence[Site]:
        """Return every site, by id."""
        return self.catalog.sites()

    def placed(self) -> Mapping[str, Placed]:
        """Return where each device is that has a tenant or a site."""
        return self.catalog.placed()


def _house(asked: HTTPConnection) -> House:
    """Return the house as whoever asks may see it."""
    house: House = asked.app.state.house
    tenant = asked.state.asker.tenant
    if tenant is None:
        return house
    narrowed: House = asked.app.state.narrowed(house, tenant)
    return narrowed


Rooms = Annotated[House, Depends(_house)]


def _whole(rooms: Rooms) -> House:
    if rooms.tenant is not None:
        raise ForbiddenError(
            "this is about the whole installation: expected a key without a tenant, found one of"
            f" {rooms.tenant}"
        )
    return rooms


Whole = Annotated[House, Depends(_whole)]
"""For what can't be told apart by tenant: others are refused."""


def unheard(rooms: House, device: str | None) -> str | None:
    """Return a word to a person who asked about a device that was never heard."""
    if device is None or rooms.store.device(device) is not None:
        return None
    said = f'no device "{device[:80]}" was ever heard'
    if rooms.store.device(device.lower()) is not None:  # a DevEUI as it stands on the label
        return f'{said}; "{device.lower()[:80]}" was'
    return f"{said}; /v1/devices lists those that were"
