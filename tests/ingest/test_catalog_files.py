"""CSV and GeoJSON: in, out, round; and the commands."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from emscher import app
from ingest.catalog import NOUNS, CatalogError, exported, geojson, imported, open_catalog

SITES = """id;tenant;name;district;latitude;longitude;public;area_m2
hall;dortmund;Rathaus;Mitte;51,5116;7,4653;ja;1200
school;dortmund;"Schule; am Markt";Hörde;51.49;7.5;nein;
"""
TENANTS = "id,name\ndortmund,Stadt Dortmund\n"


FILES = {"tenants": TENANTS, "sites": SITES}


@pytest.fixture
def catalog(tmp_path):
    made = open_catalog("", tmp_path)
    yield made
    made.close()


def _file(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_spreadsheets_are_taken_as_people_write_them(catalog, tmp_path):
    """With a BOM or without, with either mark, with German commas and words."""
    files = [
        _file(tmp_path, "sites.csv", SITES, "utf-8-sig"),
        _file(tmp_path, "tenants.csv", TENANTS),
    ]
    assert imported(catalog, files) == {"tenants": (1, 0, 0), "sites": (2, 0, 0)}
    assert imported(catalog, files) == {"tenants": (0, 0, 1), "sites": (0, 0, 2)}
    hall, school = catalog.rows("sites")
    assert (hall["latitude"], hall["longitude"], hall["public"]) == (51.5116, 7.4653, True)
    assert (hall["area_m2"], school["area_m2"], school["name"]) == (
        1200.0,
        None,
        "Schule; am Markt",
    )
    changed = _file(tmp_path, "other.csv", "id,name\nhall,Altes Rathaus\n")
    assert imported(catalog, [changed], "sites") == {"sites": (0, 1, 0)}
    assert catalog.rows("sites")[0]["district"] == "Mitte", "columns that are not given stay"


def test_all_faults_are_told_with_their_lines_and_nothing_is_taken_in(catalog, tmp_path):
    bad = SITES + "HALL;dortmund;X;;91;7;perhaps;1.200,5\nshort;line\n;dortmund;Y;;;;;\n"
    files = [_file(tmp_path, "tenants.csv", TENANTS), _file(tmp_path, "sites.csv", bad)]
    with pytest.raises(CatalogError) as told:
        imported(catalog, files)
    text = str(told.value)
    for words in (
        'line 4: id: expected a short name of a-z, 0-9, - _ and ., found "HALL"',
        'line 4: latitude: expected a number from -90 to 90, found "91"',
        'line 4: public: expected yes or no, found "perhaps"',
        'line 4: area_m2: expected a number such as 51.5 or 51,5, without thousands\' marks',
        "line 5: expected 8 columns, found 2",
        'line 6: id: expected a short name',
        "Nothing was taken in.",
    ):  # fmt: skip
        assert words in text, text
    assert catalog.rows("tenants") == []


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("sites.csv", b"id,name\n\xe4,\xfc\n", "CSV UTF-8"),
        ("sites.csv", b"", "expected a header"),
        ("sites.csv", b"name,tenant\nx,y\n", "found no id"),
        ("sites.csv", b"id,id,name\nx,y,z\n", "each column once"),
        ("stuff.csv", b"id,name\nx,y\n", "suits several"),
        ("stuff.csv", b"a,b\nx,y\n", "suits none"),
        ("sites.csv", b"id,colour\nx,red\n", "colour: expected one of id, tenant"),
        ("x.geojson", b"no", "found no JSON"),
        ("x.geojson", b"{}", "FeatureCollection"),
        ("x.geojson", b'{"type":"FeatureCollection","crs":{"name":"EPSG:25832"}}', "WGS 84"),
        ("x.geojson", b'{"type":"FeatureCollection","features":[3]}', "a Feature with properties"),
        ("x.geojson", b'{"type":"FeatureCollection","features":[{"properties":{"id":"a"},'
         b'"geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]}}]}', "expected a Point"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_told(catalog, tmp_path, name, raw, says):
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(CatalogError, match=says):
        imported(catalog, [path])


def test_a_file_that_is_not_there_is_told(catalog, tmp_path):
    with pytest.raises(CatalogError, match="No such file"):
        imported(catalog, [tmp_path / "none.csv"])


def test_a_map_is_taken_and_given_back(catalog, tmp_path):
    imported(
        catalog, [_file(tmp_path, "tenants.csv", TENANTS), _file(tmp_path, "sites.csv", SITES)]
    )
    catalog.put("sites", [{"id": "nowhere", "tenant": "dortmund", "name": "N"}])
    tree = geojson(catalog)
    assert tree["features"][0]["geometry"] == {"type": "Point", "coordinates": [7.4653, 51.5116]}
    assert tree["features"][1]["geometry"] is None
    path = _file(tmp_path, "map.geojson", json.dumps(tree))
    assert imported(catalog, [path]) == {"sites": (0, 0, 3)}
    tree["features"][1]["geometry"] = {"type": "Point", "coordinates": [7.6, 51.4, 80.0]}
    imported(catalog, [_file(tmp_path, "map.geojson", json.dumps(tree))])
    assert catalog.rows("sites")[1]["longitude"] == 7.6


WORD = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20
).map(str.strip)
NAME = WORD.filter(bool)
SLUG = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
NUMBER = st.one_of(st.none(), st.floats(-180, 180).map(lambda x: x + 0.0))
TIME = st.integers(0, 2**31).map(lambda s: s * 10**9)


@settings(max_examples=12, deadline=None)
@given(
    sites=st.dictionaries(SLUG, st.tuples(NAME, WORD, NUMBER, st.booleans()), max_size=5),
    devices=st.dictionaries(NAME, st.tuples(WORD, WORD), max_size=4),
    meters=st.lists(st.tuples(TIME, WORD, st.floats(0.1, 1e6), NUMBER), max_size=3),
)
def test_what_is_written_out_is_taken_in_again_as_it_was(tmp_path_factory, sites, devices, meters):
    folder = tmp_path_factory.mktemp("round")
    catalog = open_catalog("", folder / "one")
    catalog.put("tenants", [{"id": "t", "name": "T"}])
    catalog.put("sites", [
        {"id": id, "tenant": "t", "name": name, "district": district, "longitude": number,
         "public": public}
        for id, (name, district, number, public) in sites.items()
    ])  # fmt: skip
    where = next(iter(sites), None)
    catalog.put("devices", [
        {"id": id, "name": name, "note": note, "site": where}
        for id, (name, note) in devices.items()
    ])  # fmt: skip
    for id in devices:
        catalog.put("meters", [
            {"device": id, "quantity": "q", "channel": "", "installed": at, "serial": serial,
             "multiplier": ratio, "first_register": first}
            for at, serial, ratio, first in meters
        ])  # fmt: skip
    paths = [path for path, _ in exported(catalog, folder / "out")]
    other = open_catalog("", folder / "two")
    imported(other, paths)
    assert {noun: other.rows(noun) for noun in NOUNS} == {n: catalog.rows(n) for n in NOUNS}
    catalog.close()
    other.close()


def _said(folder, *words):
    done = CliRunner().invoke(
        app, ["catalog", *words, "--data", str(folder)], env={"COLUMNS": "250"}
    )
    return done.exit_code, done.output


def test_the_commands_lead_a_person_through(tmp_path):
    def said(*words):
        code, told = _said(tmp_path, *words)
        assert code == 0, told
        return told

    assert "No sites are in the catalog" in said("list", "sites")
    said("set", "tenants", "dortmund", "--to", "name=Dortmund")
    assert "added" in said(
        "set", "sites", "hall", "--to", "tenant=dortmund", "--to", "name=Rathaus",
        "--to", "latitude=51,5", "--to", "longitude=7.4",
    )  # fmt: skip
    assert "changed" in said("set", "sites", "hall", "--to", "public=ja")
    assert "as it was" in said("set", "sites", "hall", "--to", "public=yes")
    assert "2 devices are at hall now" in said("assign", "m1", "m2", "--site", "hall")
    said("set", "meters", "m1", "active_energy_import", "2026-01-01", "--to", "serial=1")
    told = said(
        "exchange", "m1", "active_energy_import", "--at", "2026-03-01", "--serial", "2",
        "--last", "100,5",
    )  # fmt: skip
    assert "From 2026-02-28T23:00:00Z on it is 2." in told
    assert "Nothing is missing." in said("check")
    (site,) = json.loads(said("list", "sites", "--json"))
    assert site["public"] == "yes"
    assert "2 meters are in" in said("export", str(tmp_path / "out"))
    assert "1 sites are in" in said("export", str(tmp_path / "map.geojson"))
    told = said("import", str(tmp_path / "map.geojson"), str(tmp_path / "out" / "meters.csv"))
    assert "sites: 0 added, 0 changed, 1 as they were" in told
    assert "meters: 0 added, 0 changed, 2 as they were" in told
    said("remove", "devices", "m2")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "sites", "hall"), "expected tenant and name"),
        (("set", "sites", "Hall!"), "expected a short name"),
        (("set", "sites", "hall", "--to", "colour=red"), "colour: expected one of"),
        (("set", "sites", "hall", "--to", "name"), "expected COLUMN=VALUE"),
        (("set", "meters", "m1"), "expected DEVICE QUANTITY CHANNEL INSTALLED"),
        (("remove", "sites", "hall"), "there is no hall"),
        (("exchange", "m1", "q", "--at", "soon", "--serial", "1"), "expected a time such as"),
        (("exchange", "m1", "q", "--at", "2026-01-01", "--serial", "1"), "no meter of q is known"),
        (("import", "none.csv"), "No such file"),
        (("export", "/proc/nowhere/x.geojson"), "can't be written"),
        (("export", "/proc/nowhere"), "can't be written"),
    ],
)
def test_what_can_t_be_done_is_told(tmp_path, words, says):
    code, told = _said(tmp_path, *words)
    assert code == 1
    assert says in " ".join(told.split())
