"""The dashboard for Grafana asks questions that the API answers, for columns that are there."""

import json
from pathlib import Path

from api_town import METER, SCHOOL, Town, every, fill
from catalog_town import catalogued

BOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"


def test_every_question_of_the_dashboard_is_answered(tmp_path):
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    asked = [panel_target for panel in board["panels"] for panel_target in panel["targets"]]
    asked += [
        one["query"]["infinityQuery"]
        for one in board["templating"]["list"]
        if one["type"] == "query"
    ]
    assert len(asked) == 7
    town = fill(Town(tmp_path))
    with catalogued(town, tmp_path, {METER: "hall", SCHOOL: "school"}):
        client = town.client()
        for one in asked:
            url = one["url"]
            for name, value in {
                "device": SCHOOL,
                "quantity": "temperature",
                "__from:date:iso": "2026-03-01T00:00:00.000Z",
                "__to:date:iso": "2026-04-01T00:00:00.000Z",
            }.items():
                url = url.replace(f"${{{name}}}", value)
            assert "$" not in url
            answer = client.get(url)
            assert answer.status_code == 200, answer.text
            items = answer.json()[one["root_selector"]]
            if "quality" in url:  # asks about today
                items = every(client, "/v1/quality", start="2026-03-28", end="2026-03-29")
            assert items, url
            for column in one["columns"]:
                assert column["selector"] in items[0], (url, column)
