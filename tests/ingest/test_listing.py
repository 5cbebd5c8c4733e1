"""The page of what is understood is true, and no maker's device is taken by another's codec."""

import gzip
import json
from pathlib import Path

from ingest.codecs import CODECS, CODECS_BY_NAME
from ingest.formats import FORMATS
from ingest.listing import page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_registries_say():
    written = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert written == page(), "docs/formats.md is out of date: run `make docs`"


def test_every_format_and_codec_says_what_it_is():
    text = page()
    for one in (*FORMATS, *CODECS):
        assert f"`{one.NAME}`" in text, one.NAME
    assert len(CODECS_BY_NAME) == len(CODECS)
    assert "|  |" not in text.replace("|  |\n", "")


def test_formats_known_by_topic_are_asked_first():
    by_topic = [one.BY_TOPIC for one in FORMATS]
    assert by_topic == sorted(by_topic, reverse=True)


def test_no_codec_takes_a_device_that_another_maker_sent():
    """Each vector's device, by maker and model, is recognised by codecs of one module at most."""
    for path in sorted((ROOT / "tests" / "vectors").glob("*uplinks*.jsonl*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        for row in rows:
            words = frozenset(f"{row['vendor']} {row['device']}".lower().replace("-", " ").split())
            makers = {
                getattr(codec, "__name__", type(codec).__module__)
                for codec in CODECS
                if codec.matches(words, "")
            }
            assert len(makers) <= 1, (row["vendor"], row["device"], makers)
