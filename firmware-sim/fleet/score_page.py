"""A score as one page for people: it needs no other file and asks nobody for anything.

Plotly's script is written into the page out of its Python wheel (docs/decisions/0004), so that the
page still opens years later on a machine without a network.
"""

import html
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from fleet.errors import ScoreError
from fleet.message import rfc3339
from fleet.score import Score
from fleet.score_table import tables

Figure = dict[str, object]
_ROW_PX = 22
_NUMERIC = frozenset("0123456789+-−–")
_RIGHT = ' class="n"'

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1d21; --soft: #5c6670; --ground: #fff; --line: #d8dde2;
  --good: #1a7f4b; --bad: #c0322b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --soft: #9aa5b0; --ground: #14171a;
  --line: #333a41; --good: #4fc98a; --bad: #ff7b72; } }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 72rem; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .3rem; }
h1.good { color: var(--good); } h1.bad { color: var(--bad); }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --ground: #fff;
  --line: #bbb; --good: #0b5c33; --bad: #a11; } body { max-width: none; padding: 0;
  font-size: 10pt; } .wide { overflow: visible; } table { font-size: 7.5pt; }
  tr, .figure { break-inside: avoid; } h2 { break-after: avoid; } }
"""

_SCRIPT = """
"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colours = (paper) => paper || !dark.matches
  ? { ink: paper ? "#000" : "#1a1d21", line: "#d8dde2" } : { ink: "#e8ebee", line: "#333a41" };
function dress(paper) {
  const { ink, line } = colours(paper);
  for (const id of Object.keys(figures)) {
    const axis = { "xaxis.gridcolor": line, "yaxis.gridcolor": line, "xaxis.zerolinecolor": line,
      "yaxis.zerolinecolor": line };
    const size = paper ? { autosize: false, width: 640 } : { autosize: true, width: null };
    Plotly.relayout(id, { "font.color": ink, ...axis, ...size });
  }
}
for (const [id, figure] of Object.entries(figures)) {
  Plotly.newPlot(id, figure.data, { paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    margin: { l: 10, r: 20, t: 10, b: 10 }, ...figure.layout },
    { responsive: true, displayModeBar: false, displaylogo: false });
}
dress(false);
dark.addEventListener("change", () => dress(false));
addEventListener("beforeprint", () => dress(true));
addEventListener("afterprint", () => dress(false));
"""


def page(score: Score) -> str:
    """Return the page. Errors: ScoreError where Plotly is not installed."""
    pictures = _figures(score)
    told = "\n".join(_table(*one) for one in tables(score) if one[2])
    places = "\n".join(
        f'<h2>{html.escape(title)}</h2>\n<p class="soft">{html.escape(text)}</p>\n'
        f'<div class="figure" id="figure{number}"></div>'
        for number, (title, text, _) in enumerate(pictures)
    )
    data = {f"figure{number}": figure for number, (_, _, figure) in enumerate(pictures)}
    total = score.readings.total
    run = ", ".join(
        f"{name} {score.facts[name]}" for name in ("scenario", "seed", "emscher", "messages")
        if name in score.facts
    )  # fmt: skip
    span = " to ".join(
        rfc3339(value)[:16].replace("T", " ") + " UTC"
        for name in ("start_ns", "end_ns")
        if isinstance(value := score.facts.get(name), int)
    )
    notes = "\n".join(f"<p>{html.escape(note)}.</p>" for note in score.notes)
    grade = "good" if score.faultless else "bad"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Emscher: {html.escape(score.verdict)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1 class="{grade}">{html.escape(score.verdict)}</h1>
<p>{total.expected:,} readings expected, {total.right:,} right.</p>
<p class="soft">{html.escape(run)}; {html.escape(span)}; truth in {html.escape(score.folder)},
asked at {html.escape(score.url)}</p>
{notes}
{places}
{told}
<script type="application/json" id="figures">{_inside(msgspec.json.encode(data).decode())}</script>
<script>{_plotly()}</script>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _inside(text: str) -> str:
    """Return JSON that can't end the element of the page that holds it."""
    return text.replace("<", "\\u003c")


def _plotly() -> str:
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ScoreError("expected Plotly, which draws the page's pictures; found none: install it")
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numeric = [all(row[at][:1] in _NUMERIC for row in rows) for at in range(len(head))]
    lines = "\n".join(_row("td", row, numeric) for row in rows)
    return (
        f'<h2>{html.escape(title)}</h2>\n<div class="wide"><table>\n<thead>'
        f"{_row('th', head, numeric)}</thead>\n<tbody>\n{lines}\n</tbody></table></div>"
    )


def _row(tag: str, cells: Sequence[str], numeric: list[bool]) -> str:
    inner = "".join(
        f"<{tag}{_RIGHT if right else ''}>{html.escape(cell)}</{tag}>"
        for cell, right in zip(cells, numeric, strict=True)
    )
    return f"<tr>{inner}</tr>"


def _figures(score: Score) -> list[tuple[str, str, Figure]]:
    """Return (title, sentence, figure) of each picture that has something to show."""
    units = {(one.device, one.direction): one.unit for one in score.energy.worst}
    figures = [
        (
            f"Error of each day's energy, in {unit}",
            "The meters with the largest errors; red: too much was computed, blue: too little. The"
            " scale ends where nine of ten days do. An empty field is a day of which nothing is"
            " known.",
            _energy(score, [key for key, own in units.items() if own == unit]),
        )
        for unit in dict.fromkeys(units.values())
    ]
    if score.anomalies.kinds:
        figures.append(("Faults found, by kind", "The share of all faults.", _recall(score)))
    if any(one.delays_s for one in score.anomalies.kinds):
        figures.append(
            (
                "How much later than the fault its detection begins, in minutes",
                "A silence is told from the last message on, so it begins before the fault.",
                _delays(score),
            )
        )
    return figures


def _energy(score: Score, meters: list[tuple[str, str]]) -> Figure:
    days = sorted({day for _, _, day, _, _ in score.energy.days})
    errors = {(device, way, day): error for device, way, day, error, _ in score.energy.days}
    cells = [[errors.get((*meter, day)) for day in days] for meter in reversed(meters)]
    sizes = sorted(abs(one) for row in cells for one in row if one is not None)
    # A few that are far off would leave no colour for the others.
    far = (sizes[len(sizes) * 9 // 10] if sizes else 0.0) or (sizes[-1] if sizes else 0.0) or 1.0
    return {
        "data": [
            {
                "type": "heatmap",
                "x": days,
                "y": [f"{device} {way}" for device, way in reversed(meters)],
                "z": cells,
                "zmin": -far,
                "zmax": far,
                "colorscale": [[0, "#2b6cb0"], [0.5, "#f2f2ee"], [1, "#c0322b"]],
                "xgap": 1,
                "ygap": 1,
                "hovertemplate": "%{y}<br>%{x}: %{z:+.1f}<extra></extra>",
            }
        ],
        "layout": {
            "height": 110 + _ROW_PX * len(meters),
            "xaxis": {"type": "category", "automargin": True},
            "yaxis": {"type": "category", "automargin": True},
        },
    }


def _recall(score: Score) -> Figure:
    kinds = list(reversed(score.anomalies.kinds))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [one.recall for one in kinds],
                "y": [one.kind.replace("_", " ") for one in kinds],
                "text": [f" {one.found:,} of {one.faults:,}" for one in kinds],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": "#2b8a8a"},
                "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
            }
        ],
        "layout": {
            "height": 90 + _ROW_PX * len(kinds),
            "margin": {"l": 10, "r": 90, "t": 10, "b": 10},
            "xaxis": {"range": [0, 1], "tickformat": ".0%", "automargin": True},
            "yaxis": {"automargin": True, "ticks": "outside", "ticklen": 6},
        },
    }


def _delays(score: Score) -> Figure:
    kinds = [one for one in reversed(score.anomalies.kinds) if one.delays_s]
    return {
        "data": [
            {
                "type": "box",
                "x": [round(delay / 60, 2) for delay in one.delays_s],
                "name": one.kind.replace("_", " "),
                "boxpoints": "outliers",
                "marker": {"color": "#2b8a8a"},
            }
            for one in kinds
        ],
        "layout": {
            "height": 100 + 2 * _ROW_PX * len(kinds),
            "showlegend": False,
            "xaxis": {"ticksuffix": " min", "automargin": True},
            "yaxis": {"automargin": True},
        },
    }
