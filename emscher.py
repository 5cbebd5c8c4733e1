"""Emscher's front door: the command line, the settings, and the one place that wires the rooms."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
import typer
from rich.console import Console

from analytics.tariff_commands import tariff_app
from api.client import query
from api.erase_command import erase
from api.key_commands import key_app
from api.message_commands import origin, quarantine_app, reprocess
from fleet.commands import add_commands
from fleet.sim_commands import sim_app
from gateway.address import Address, broker_address, host_port
from gateway.doctor_command import doctor_command
from gateway.errors import GatewayError, SettingsError
from gateway.notify_command import notify_app
from gateway.terminal import log_to_terminal
from ingest.catalog_commands import catalog_app
from ingest.codec_commands import codec_app
from ingest.decode_command import codecs_told, decode_command, recipe_of
from ingest.errors import IngestError
from ingest.store_commands import store_app

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analytics.live import Live
    from analytics.oddities import Found
    from api.asking import EmscherError
    from api.gate import Guard
    from api.house import House
    from api.remote import Client, EmscherWarning
    from fleet.demo import Progress as DemoProgress
    from gateway.broker import EmbeddedBroker
    from gateway.publisher import Publisher
    from gateway.settings import Settings
    from ingest.archive import Archive
    from ingest.catalog import CatalogWatch
    from ingest.store import Store

__all__ = ["Client", "EmscherError", "EmscherWarning", "app", "main"]
VERSION = version("emscher")
DRAIN_S = 2.5
COLLECTED = (50_000, 20, 20)  # so many objects come before the young, middle and old are looked at
SWITCH_S = 0.001  # a question must not wait five milliseconds for each thread that computes
DAY_NS = 24 * 3600 * 10**9

out = Console()
err = Console(stderr=True)
log = structlog.get_logger("emscher")
app = typer.Typer(
    name="emscher",
    help="The sensor and energy backend for cities: takes in what meters and sensors say over"
    " MQTT, keeps every reading safe, and answers for every figure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def __getattr__(name: str) -> object:
    """Return what Python programs use, `from emscher import Client`; commands don't load it."""
    if name in __all__:
        from api import remote

        return getattr(remote, name)
    raise AttributeError(f"emscher has no {name}")


def settings_from(**given: object) -> "Settings":
    """Return the settings; say what is wrong with which key, and end, where they can't be used."""
    from gateway.settings import settings_from as read_settings

    try:
        return read_settings(os.environ, **given)
    except SettingsError as error:
        fail(str(error))


def fail(sentence: str) -> NoReturn:
    """Tell a person what is wrong, and end."""
    err.print(sentence, style="red", soft_wrap=True, markup=False)
    raise typer.Exit(1)


@app.command()
def up(
    data: Annotated[Path | None, typer.Option(help="Folder of everything that is kept.")] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where console and API listen.")
    ] = None,
    mqtt: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the embedded broker listens.")
    ] = None,
    broker: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Use this broker instead: mqtt[s]://[user:password@]host[:port]."
        ),
    ] = None,
    demo: Annotated[
        bool | None, typer.Option("--demo", help="Feed it a small simulated city.")
    ] = None,
) -> None:
    """Run Emscher: broker, intake, analysis, API and console, until Ctrl-C.

    What is not given here comes from EMSCHER_… variables and from emscher.toml in this folder. The
    defaults: data in ./emscher-data, console and API on 127.0.0.1:8000, MQTT on 127.0.0.1:1883.
    """
    settings = settings_from(data=data, http=http, mqtt=mqtt, broker=broker or None, demo=demo)
    log_to_terminal()
    sys.setswitchinterval(SWITCH_S)
    try:
        asyncio.run(_run(settings))
    except (GatewayError, IngestError, OSError) as error:
        fail(str(error))


async def _run(settings: "Settings") -> None:
    """Start the rooms, the intake first; run until a signal says stop; store what was accepted."""
    from analytics.tariffs import EXAMPLES, Tariffs
    from api.feed import Feed
    from api.guarding import check_keys, guard_of
    from api.house import House
    from api.live import Teller
    from api.server import listening_on
    from gateway.notifier import notifier_of
    from gateway.outgoing import own
    from gateway.publisher import publisher_of
    from gateway.service import Gateway
    from gateway.session import client_id
    from ingest.catalog import CatalogError, CatalogWatch, open_catalog
    from ingest.intake import Committed, Intake
    from ingest.past import Past

    started_ns, stop, loop = time.time_ns(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host = host_port(settings.http)[0]
    try:
        if made := check_keys(settings, host):
            log.warning(made)
    except CatalogError as fault:  # nobody is let in until it is there, but readings are kept
        log.warning("no key can be looked up", why=str(fault))
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(listening_on(settings.http, *host_port(settings.http)))
        store = stack.enter_context(contextlib.closing(_opened(settings)))
        embedded, brokers = _brokers(settings, stack)
        live: Live | None = None

        def offer(committed: Committed) -> None:
            if live is not None:
                live.offer(committed)

        recipe = recipe_of(settings)
        with codecs_told():
            decoder = recipe.decoder(store.facts())
        stack.callback(decoder.close)
        archive = _archive(settings, stack)
        watch = CatalogWatch(lambda: open_catalog(settings.catalog, settings.data), store)
        stack.callback(watch.stop)
        watch.start()
        feed = Feed(watch.placed)
        teller = Teller(feed, store)
        notifier = notifier_of(settings, store, watch.placed)
        stack.callback(notifier.stop, 1.0)
        watchers = [teller.committed, offer, watch.committed]
        told = [teller.found, notifier.found]
        publisher = publisher_of(settings, store, watch.placed)
        if publisher is not None:
            watchers.append(lambda committed: publisher.readings(committed.rows))
            told.append(lambda found: publisher.anomalies(found.changed, found.retracted))
        intake = Intake(store, decoder, watchers, archive)
        past = None
        if archive is not None:
            past = Past(archive, store, intake, lambda: recipe.decoder(store.facts()))
            stack.callback(past.close)
        begins = (settings.publish_prefix, settings.publish_discovery) if publisher else ("", "")
        gateway = Gateway(
            *(intake, brokers, client_id(settings.data), settings.topics, settings.data),
            own=own(*begins, notifier.topics(brokers.values())),
        )
        stack.callback(gateway.drain, DRAIN_S)
        gateway.start()
        # Readings are safe from here on. The analysis comes after, and reads up what it missed,
        # because at the first start on a machine its kernels are compiled.
        hint = loop.call_later(2, out.print, "Compiling the kernels, once on this machine …")
        live = await asyncio.to_thread(_analysis, store, told, settings, watch)
        hint.cancel()
        notifier.start()
        stack.callback(live.stop, 1.0)
        house = House(
            store=store,
            past=past,
            live=live,
            feed=feed,
            sources=gateway.health,
            store_fault=lambda: gateway.store_fault() or (embedded.fault() if embedded else None),
            waiting=gateway.waiting,
            retry=intake.retry,
            now_ns=time.time_ns,
            started_ns=started_ns,
            where=settings.where,
            version=VERSION,
            kind=settings.store,
            frames=intake.frames.of,
            all_frames=intake.frames.total,
            catalog=watch,
            virtual_meters=settings.virtual_meters,
            public=settings.public or settings.demo,
            publishing=publisher.health if publisher else lambda: None,
            heard_again=gateway.heard_again,
            erase=lambda device, before_ns, trial: intake.erase(
                lambda: recipe.decoder(store.facts()), device, before_ns, trial=trial
            ),
            notices=notifier.notices,
            tariffs=Tariffs([settings.tariff_folder, *([EXAMPLES] if settings.demo else [])]),
        )
        guard = guard_of(settings, host, watch)
        broker = next(iter(brokers.values()))
        await _serve(house, guard, listening, settings, embedded, broker, publisher, stop)
        out.print("Storing what was accepted …")
        if not await asyncio.to_thread(gateway.drain, DRAIN_S):
            log.warning("the store did not take the last messages; their broker keeps them")
        counts = store.counts()
    out.print(f"Stopped: {counts.received} messages and {counts.readings} readings are safe.")


def _opened(settings: "Settings") -> "Store":
    from ingest.store import open_store

    return open_store(settings.store, settings.data, settings.server)


def _archive(settings: "Settings", stack: contextlib.ExitStack) -> "Archive | None":
    """Return the archive of messages, tidied from now on; None where the settings want none."""
    from ingest.archive import Archive

    if not settings.keep_messages:
        return None
    archive = Archive(settings.data / "messages", settings.keep_messages * DAY_NS)
    return stack.enter_context(archive.tidied())


def _analysis(
    store: "Store",
    told: "Sequence[Callable[[Found], None]]",
    settings: "Settings",
    catalog: "CatalogWatch",
) -> "Live":
    from analytics.live import Known, Live

    def tell(found: "Found") -> None:
        for one in told:
            one(found)

    keep_ns = settings.keep_readings * DAY_NS or None
    known = Known(catalog.limits, catalog.facts, catalog.feeders, settings.novelty)
    live = Live(store, settings.where, tell, known, keep_ns=keep_ns)
    live.start()
    return live


async def _serve(
    house: "House",
    guard: "Guard",
    listening: socket.socket,
    settings: "Settings",
    embedded: "EmbeddedBroker | None",
    broker: Address,
    publisher: "Publisher | None",
    stop: asyncio.Event,
) -> None:
    """Answer over HTTP, mind the broker, feed the demo, until `stop`; then end the answers."""
    from api.app import create_app
    from api.hours import tell_hours
    from api.opened import keep_open
    from api.server import Server
    from gateway.broker import mind

    server = Server(create_app(house, guard))
    tasks = [asyncio.create_task(server.serve(sockets=[listening]))]
    if embedded is not None:
        tasks.append(asyncio.create_task(mind(embedded, stop)))
    if publisher is not None:
        tasks.append(asyncio.create_task(publisher.run(stop)))
        tasks.append(asyncio.create_task(tell_hours(house, publisher.flowed, stop)))
    if house.public:
        tasks.append(asyncio.create_task(keep_open(house, stop)))
    if settings.demo:
        from fleet.demo import run_demo

        tasks.append(asyncio.create_task(asyncio.to_thread(_place_demo, house)))
        host, port, name, secret = broker.host, broker.port, broker.username, broker.password
        feeding = run_demo(
            host=host, port=port, username=name, password=secret, stop=stop, report=_tell_demo
        )
        tasks.append(asyncio.create_task(feeding))
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    out.print(
        f"[bold]Emscher {VERSION}[/]  console http://{shown}:{port}/  API /docs", highlight=False
    )
    for source in house.sources():
        out.print(f"  readings from {source.url}, kept in {settings.data}", highlight=False)
    if await asyncio.to_thread(guard.is_open):
        out.print("  open to everybody at this machine, as there is no key: `emscher key --help`")
    # What stands now stands till the end: looking for cycles in it held all up for 0.2 s each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)
    await stop.wait()
    gc.unfreeze()
    house.feed.close()
    server.should_exit = True
    await asyncio.gather(*tasks)


def _brokers(
    settings: "Settings", stack: contextlib.ExitStack
) -> "tuple[EmbeddedBroker | None, dict[str, Address]]":
    """Return the brokers to listen to by name; start the embedded one where none is named."""
    if settings.broker:
        addresses = [broker_address(url) for url in settings.broker]
        named = {f"{one.host}:{one.port}": one for one in addresses}
        if len(named) < len(addresses):
            raise SettingsError("broker: expected each broker once, found one of them twice")
        return None, named
    from gateway.service import embedded_broker
    from gateway.session import client_id

    session = client_id(settings.data)
    at = host_port(settings.mqtt)
    embedded = embedded_broker(settings.data / "broker", *at, session, settings.topics)
    stack.callback(embedded.stop)
    return embedded, {"embedded": embedded.address}


def _place_demo(house: "House") -> None:
    """Tell a catalog that knows nobody yet where the demo's devices stand."""
    from fleet.demo import demo_catalog
    from ingest.errors import StoreUnavailable

    try:
        house.catalog.asked(lambda book: book.begin(demo_catalog()))
    except StoreUnavailable as fault:
        log.warning("the demo's devices stay without places", why=str(fault))


def _tell_demo(progress: "DemoProgress") -> None:
    if progress.text:
        log.info(f"demo: {progress.text}")
    elif progress.stage == "history" and progress.sent == progress.total:
        log.info(f"demo: {progress.sent} messages of history sent")


def _broker(url: str) -> Address:
    """Return the address of --broker, or end with what is wrong with it."""
    try:
        return broker_address(url)
    except GatewayError as error:
        fail(f"--broker: {error}")


add_commands(app, _broker)
app.command()(query)
app.command()(origin)
app.command()(reprocess)
app.command()(erase)
app.command()(decode_command(settings_from))
app.command()(doctor_command(settings_from))
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(codec_app, name="codec")
app.add_typer(store_app(settings_from), name="store")
app.add_typer(catalog_app(settings_from), name="catalog")
app.add_typer(tariff_app, name="tariff")
app.add_typer(key_app(settings_from), name="key")
app.add_typer(notify_app(settings_from), name="notify")
app.add_typer(sim_app(_broker), name="sim")


main = app  # what the `emscher` script calls

if __name__ == "__main__":
    main()
