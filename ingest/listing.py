"""What Emscher understands, as a page: formats, payload codecs and quantities, from the registries.

`make docs` writes it to docs/formats.md, and a test holds the page to it.
"""

import inspect
import sys
from types import ModuleType

from ingest.codecs import CODECS
from ingest.formats import FORMATS
from ingest.quantity import QUANTITIES

_HEAD = """# What is understood

This page is written by `make docs` from the registries themselves.

What is not here goes to quarantine with the reason:
[my device is not understood](not-understood.md).

## Formats

A message is read by the first format that claims it: those known by their topic are asked first,
then those known by their content. Mappings of your own (`[[mapping]]` in `emscher.toml`) go before
all of them.

| format | known by | what |
|---|---|---|
"""
_CODECS = """
## Payload codecs of LoRaWAN devices

The codec that `emscher.toml` sets for a DevEUI or a device profile comes first, then what the
network server decoded, then a codec that recognises the names of profile and device. A maker's own
JavaScript codec is added with `emscher codec add`.

| family | names for `[codecs]` | what |
|---|---|---|
"""
_QUANTITIES = """
## Quantities

Every series has one unit, for ever. A field that is none of these is kept under the maker's name.

| quantity | unit (UCUM) | kind | OBIS |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as Markdown."""
    text = _HEAD
    for one in FORMATS:
        known = "topic" if one.BY_TOPIC else "content"
        text += f"| `{one.NAME}` | {known} | {_first_sentence(_module(one))} |\n"
    text += _CODECS
    families: dict[str, list[str]] = {}
    for codec in CODECS:
        families.setdefault(_module(codec).__name__, []).append(codec.NAME)
    for module, names in families.items():
        listed = ", ".join(f"`{name}`" for name in names)
        family = module.rpartition(".")[2]
        text += f"| {family} | {listed} | {_first_sentence(sys.modules[module])} |\n"
    text += _QUANTITIES
    for quantity in QUANTITIES.values():
        cells = (quantity.name, quantity.unit, quantity.kind.value, quantity.obis or "")
        text += f"| {' | '.join(cells)} |\n"
    return text


def _module(one: object) -> ModuleType:
    """Return the module that a format or codec is, or comes from."""
    return one if isinstance(one, ModuleType) else sys.modules[type(one).__module__]


def _first_sentence(module: ModuleType) -> str:
    """Return the first paragraph of a module's docstring on one line, fit for a table."""
    paragraph = (inspect.getdoc(module) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
