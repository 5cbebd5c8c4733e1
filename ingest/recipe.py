"""How a decoder is made from what the operator set, as often as one is needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from ingest.codecs import scripts_in
from ingest.codecs.script import Script
from ingest.decode import Decoder
from ingest.formats import formats_with, session_keys
from ingest.memory import Fact


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a decoder is made of (gateway/settings.py says what each is); codecs lie in `folder`."""

    zone: tzinfo
    codecs: Mapping[str, str]
    mapping: Sequence[dict[str, Any]]
    lorawan_keys: Mapping[str, str]
    folder: Path

    def scripts(self) -> dict[str, Script]:
        """Return the JavaScript codecs that lie in the folder now; PayloadError, OSError."""
        return scripts_in(self.folder)

    def decoder(
        self,
        facts: Iterable[Fact] = (),
        *,
        only: str | None = None,
        notes: list[str] | None = None,
    ) -> Decoder:
        """Return a decoder; `only`: it reads all messages by the format of that name.

        Raises PayloadError and OSError for a codec that can't be used, ValueError for one that
        does not exist.
        """
        return Decoder(
            self.zone,
            self.codecs,
            formats=formats_with(list(self.mapping), only),
            scripts=self.scripts(),
            keys=session_keys(dict(self.lorawan_keys)),
            facts=facts,
            notes=notes,
        )
