"""`emscher query` and its like send the key that they are given."""

import pytest
from typer.testing import CliRunner

import emscher
from api import client as asking_client


@pytest.mark.parametrize(
    "command",
    [
        ["query", "devices"],
        ["query", "health"],
        ["quarantine", "list"],
        ["quarantine", "retry"],
        ["quarantine", "show", "1"],
        ["origin", "d", "co2", "2026-03-01"],
        ["reprocess"],
    ],
)
@pytest.mark.parametrize("by_option", [True, False])
def test_the_key_goes_along(monkeypatch, command, by_option):
    sent = []

    def urlopen(request, timeout):
        sent.append(request.get_header("Authorization"))
        raise OSError("nobody is there")

    monkeypatch.setattr(asking_client, "urlopen", urlopen)
    told = {} if by_option else {"EMSCHER_KEY": "emscher_abc"}
    option = ["--key", "emscher_abc"] if by_option else []
    done = CliRunner().invoke(emscher.app, [*command, *option], env=told)
    assert done.exit_code == 1
    assert "nobody is there" in done.stderr
    assert sent == ["Bearer emscher_abc"]
