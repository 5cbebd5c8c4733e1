"""`emscher notify`: is the file of rules right, and does a message arrive?"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from gateway.errors import DeliveryError, NotifyError

if TYPE_CHECKING:
    from gateway.notify_rules import Notify, Rule
    from gateway.settings import Settings

_HELP = "Notifications of anomalies: is the file right, and does a message arrive?"


def notify_app(settings_from: "Callable[..., Settings]") -> typer.Typer:
    """Return the commands; settings_from reads the settings, and ends where they can't be used."""
    app = typer.Typer(help=_HELP, no_args_is_help=True)
    out, err = Console(), Console(stderr=True)

    def fail(sentences: str) -> typer.Exit:
        err.print(sentences, style="red", soft_wrap=True, markup=False)
        return typer.Exit(1)

    def said(sentence: str) -> None:
        out.print(sentence, soft_wrap=True, markup=False, highlight=False)

    def read(path: Path) -> "Notify":
        from gateway.notify_rules import read_notify  # noqa: PLC0415 (help answers at once)

        try:
            return read_notify(path)
        except NotifyError as error:
            raise fail(str(error)) from None

    @app.command("check")
    def check(file: Annotated[Path, typer.Argument(help="A TOML file of rules.")]) -> None:
        """Say what a file is understood as, or all that is wrong with it (exit code 1)."""
        notify = read(file)
        for rule in notify.rules:
            said(_told(rule))
        for way in notify.ways:
            used = any(way.name in rule.to for rule in notify.rules)
            said(f'"{way.name}" is {way.kind}: {way.shown}{"" if used else "; no rule names it"}')

    @app.command("try")
    def try_(
        name: Annotated[str, typer.Argument(help="Whom to tell: the name of a [[to]].")],
        file: Annotated[
            Path | None, typer.Option(help="A TOML file of rules, else that of the settings.")
        ] = None,
    ) -> None:
        """Send a test message, and say whether it was taken (exit code 1: it was not)."""
        from gateway.notify_ways import send  # noqa: PLC0415
        from gateway.notify_words import trial_message  # noqa: PLC0415

        chosen = str(file) if file else settings_from().notify
        if not chosen:
            raise fail("notify: expected the path of a file of rules in the settings; found none")
        notify = read(Path(chosen))
        way = notify.way(name)
        if way is None:
            known = ", ".join(one.name for one in notify.ways)
            raise fail(f'NAME: expected one of {known}; found "{name}"')
        now_ns = time.time_ns()
        try:
            send(way, trial_message(way.name, notify.link, now_ns), now_ns)
        except DeliveryError as fault:
            raise fail(f'"{name}" was not reached: {fault}') from None
        said(f'"{name}" has taken a test message ({way.shown}).')

    return app


def _told(rule: "Rule") -> str:
    """Return a rule as a sentence."""
    parts = [", ".join(rule.kinds) if rule.kinds else "all anomalies"]
    if rule.score:
        parts.append(f"of score {rule.score:g} at least")
    for word, names in (
        ("tenant", rule.tenants),
        ("district", rule.districts),
        ("device", rule.devices),
    ):
        if names:
            parts.append(f"of {word} {' or '.join(names)}")
    if rule.after_ns:
        parts.append(f"that last {rule.after_ns / 60e9:g} min")
    sentence = f'"{rule.name}" tells {", ".join(rule.to)} of {" ".join(parts)}'
    if rule.quiet is None:
        return f"{sentence}; at any hour"
    start, end = (
        f"{at // 60:02}:{at % 60:02}" for at in (rule.quiet.start_min, rule.quiet.end_min)
    )
    happens = "as one digest when it ends" if rule.quiet.later else "never"
    return f"{sentence}; what comes from {start} to {end} {happens}"
