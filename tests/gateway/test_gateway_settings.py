"""What can be set is checked when it is read, and the documentation lists all of it."""

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import Settings, settings_from

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No emscher.toml but the test's own."""
    monkeypatch.chdir(tmp_path)


def _refusal(toml: str = "", **given: object) -> str:
    Path("emscher.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings_from({}, **given)
    return str(caught.value)


def test_the_documentation_lists_every_setting_in_its_words():
    text = (ROOT / "docs" / "developers.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert str(field.description).partition(":")[0] in row, name


def test_mappings_and_session_keys_are_read_from_the_file():
    Path("emscher.toml").write_text(
        '[[mapping]]\ntopic = "city/{device}"\n[mapping.readings]\n"t" = "temperature"\n'
        '[lorawan_keys]\n"26011BDA/app" = "00112233445566778899aabbccddeeff"\n',
        encoding="utf-8",
    )
    found = settings_from({})
    assert found.mapping[0]["topic"] == "city/{device}"
    assert list(found.lorawan_keys) == ["26011BDA/app"]


def test_a_wrong_mapping_names_what_was_expected():
    toml = '[[mapping]]\ntopic = "a"\n[mapping.readings]\n"t" = "temperatur"\n'
    said = _refusal(toml)
    assert "mapping" in said
    assert "temperature" in said


@pytest.mark.parametrize(
    ("name", "key"), [("26011bda", "00" * 16), ("26011bda/app", "0011"), ("x/app", "00" * 16)]
)
def test_a_wrong_session_key_is_told_without_the_secret(name, key):
    said = _refusal(f'[lorawan_keys]\n"{name}" = "{key}"\n')
    assert "expected" in said
    assert key not in said


def test_an_unknown_variable_is_told_with_those_that_exist():
    with pytest.raises(SettingsError, match="EMSCHER_ZON is no variable of Emscher"):
        settings_from({"EMSCHER_ZON": "x"})


def test_what_is_meant_for_those_who_ask_is_no_setting():
    clients = {"EMSCHER_KEY": "emscher_x", "EMSCHER_URL": "http://there:8000"}
    assert settings_from(clients) == settings_from({})
