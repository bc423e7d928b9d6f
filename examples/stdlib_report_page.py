"""The page of stdlib_report.py: turns a report into one HTML document.

The document contains its styles and charts, and its content policy forbids scripts and external
files. So it can be opened from disk and sent by mail. It has a light and a dark mode and fits a
phone.

Invariant: all text from the report (file names, function names, compiler messages) was chosen by
other people, so it passes through `html.escape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

Row = dict[str, Any]

KINDS = (("code", "Code"), ("docstring", "Docstrings"), ("comment", "Comments"), ("blank", "Blank"))

STYLE = """
:root { color-scheme: light dark;
  --page: #f5f4ef; --card: #ffffff; --ink: #1b1b19; --muted: #66655e; --line: #e5e3da;
  --track: #efede6; --code: #2a6fd0; --docstring: #17a673; --comment: #eda100; --blank: #c2c0b5;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) { :root {
  --page: #131312; --card: #1c1c1a; --ink: #f1f0ea; --muted: #a5a39a; --line: #31302c;
  --track: #282724; --code: #4a90e8; --docstring: #1d9e72; --comment: #cf8b0c; --blank: #57564f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 68rem; margin: 0 auto; padding: 3.5rem 1.25rem 4rem; }
h1 { margin: 0 0 .75rem; font-size: clamp(1.8rem, 5vw, 2.7rem); line-height: 1.12;
  letter-spacing: -.025em; text-wrap: balance; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 1.08rem; letter-spacing: -.01em; }
p { margin: 0; }
.lead { max-width: 42rem; color: var(--muted); font-size: 1.08rem; text-wrap: pretty; }
.note { margin: .2rem 0 1.1rem; color: var(--muted); font-size: .9rem; text-wrap: pretty; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1px;
  margin: 2rem 0 1.25rem; padding: 0; overflow: hidden; background: var(--line);
  border: 1px solid var(--line); border-radius: 14px; }
.tiles div { padding: 1rem 1.15rem; background: var(--card); }
.tiles dt { color: var(--muted); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.6rem; font-weight: 650; letter-spacing: -.02em; }
.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; }
.card { padding: 1.35rem 1.4rem 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; min-width: 0; }
.wide { grid-column: 1 / -1; }
svg { display: block; width: 100%; border-radius: 3px; background: var(--track); }
svg rect { stroke: var(--card); stroke-width: 1px; vector-effect: non-scaling-stroke; }
.lone rect { stroke: none; }
.whole svg { height: 1.9rem; border-radius: 5px; }
.code { fill: var(--code); background: var(--code); }
.docstring { fill: var(--docstring); background: var(--docstring); }
.comment { fill: var(--comment); background: var(--comment); }
.blank { fill: var(--blank); background: var(--blank); }
.legend { display: flex; flex-wrap: wrap; gap: .35rem 1.5rem; margin: .9rem 0 0; padding: 0;
  list-style: none; font-size: .9rem; }
.legend i { display: inline-block; width: .72rem; height: .72rem; margin-right: .45rem;
  border-radius: 3px; }
.legend span, .rows small { color: var(--muted); }
.rows { margin: 0; padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
.rows li { display: grid; grid-template: "name value" "below beside" "bar bar"
  / minmax(0, 1fr) auto; gap: .1rem 1rem; padding: .55rem 0 .65rem; align-items: baseline; }
.rows li + li { border-top: 1px solid var(--line); }
.rows b { grid-area: name; font: 600 .86rem/1.45 var(--mono); overflow-wrap: anywhere; }
.rows em { grid-area: value; font-style: normal; font-weight: 650; text-align: right; }
.rows small { grid-area: below; font-size: .8rem; overflow-wrap: anywhere; }
.rows small + small { grid-area: beside; text-align: right; }
.rows svg { grid-area: bar; height: .5rem; margin-top: .3rem; }
details summary { cursor: pointer; }
details summary h2 { display: inline; }
details .rows { margin-top: 1rem; }
footer { margin-top: 2rem; color: var(--muted); font-size: .88rem; max-width: 46rem; }
footer p + p { margin-top: .6rem; }
@media (max-width: 52rem) { .cards { grid-template-columns: minmax(0, 1fr); }
  main { padding-top: 2rem; } .tiles { grid-template-columns: repeat(2, 1fr); } }
@media (min-width: 52.01rem) {
  .wide li { grid-template: "name bar value" "below bar beside" / 16rem minmax(0, 1fr) 10rem; }
  .wide .rows svg { align-self: center; height: 1.15rem; margin: 0; }
  details.wide li { grid-template: "name below value" / minmax(0, 2fr) minmax(0, 3fr) 0; } }
@media print { .card { break-inside: avoid; } }
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(report: Row) -> str:
    """Draw the page of `report`, the value that the task `rank` returns."""
    title = escape(f"Inside the {report['source']}")
    modules = f"{report['totals']['modules_imported']:,} modules"
    cards = (
        lines_card(report["totals"]),
        complexity_card(report["complexity_bands"]),
        functions_card("Most complex functions", report["most_complex"], "complexity"),
        functions_card("Longest functions", report["longest"], "lines"),
        packages_card(report["packages"][: report["top"]], len(report["packages"])),
        modules_card(report["biggest"]),
        imports_card(report["most_imported"], report["totals"]["files"]),
        unparsable_card(report["unparsable"]),
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{title}</h1>
<p class="lead">What the source holds, counted line by line: its size, its shape, its knottiest
functions, and what it leans on. Together the files import {modules}.</p>
</header>
{tiles(report)}
<div class="cards">
{"".join(cards)}
</div>
{footer(report["left_out"])}
</main>
</body>
</html>
"""


def tiles(report: Row) -> str:
    """Draw the row of main figures."""
    totals = report["totals"]
    names = ("Files", "Lines", "Functions", "Classes", "Unparsable files")
    keys = ("files", "lines", "functions", "classes", "unparsable")
    figures = [(name, f"{totals[key]:,}") for name, key in zip(names, keys, strict=True)]
    figures.insert(4, ("Mean complexity", f"{report['mean_complexity']:.2f}"))
    pairs = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    return f'<dl class="tiles">{"".join(pairs)}</dl>'


def lines_card(totals: Row) -> str:
    """Draw the kinds of lines as one bar with a legend."""
    legend = "".join(
        f'<li><i class="{kind}"></i>{name} <span>{totals[kind]:,} · '
        f"{share(totals[kind], totals['lines'])}</span></li>"
        for kind, name in KINDS
    )
    body = f'<div class="whole">{kinds_bar(totals, totals["lines"])}</div>'
    note = "A line inside a multi-line string belongs to the string."
    return card("What the lines are", note, f'{body}<ul class="legend">{legend}</ul>', wide=True)


def complexity_card(bands: Sequence[Row]) -> str:
    """Draw the number of functions of each complexity."""
    counts = [band["functions"] for band in bands]
    above = sum(counts[2:])
    note = (
        "Functions by cyclomatic complexity. McCabe proposed 10 as the limit; "
        f"{above:,} functions ({share(above, sum(counts))}) are above it."
    )
    head = ("How complex the functions are", note, True)

    def texts(band: Row) -> tuple[str, str, str]:
        return f"Complexity {band['complexity']}", "", share(band["functions"], sum(counts))

    return ranking(head, bands, "functions", texts)


def functions_card(title: str, functions: Sequence[Row], figure: str) -> str:
    """Draw functions by one figure, `complexity` or `lines`, and show the other as text."""

    def texts(entry: Row) -> tuple[str, str, str]:
        other = "complexity {complexity:,}" if figure == "lines" else "{lines:,} lines"
        return entry["name"], f"{entry['path']}:{entry['line']}", other.format_map(entry)

    head = (title, f"By {figure}, with the place of the definition.", False)
    return ranking(head, functions, figure, texts)


def modules_card(modules: Sequence[Row]) -> str:
    """Draw the longest files."""

    def texts(entry: Row) -> tuple[str, str, str]:
        below = f"{entry['functions']:,} functions · {entry['classes']:,} classes"
        return entry["path"], below, f"{entry['code']:,} of code"

    return ranking(("Biggest modules", "By lines.", False), modules, "lines", texts)


def imports_card(modules: Sequence[Row], files: int) -> str:
    """Draw the modules that most files import."""

    def texts(entry: Row) -> tuple[str, str, str]:
        return entry["module"], f"{share(entry['files'], files)} of files", ""

    head = ("Most imported modules", "By the number of files that import them.", False)
    return ranking(head, modules, "files", texts)


def packages_card(packages: Sequence[Row], count: int) -> str:
    """Draw each package's lines by kind."""
    most = max((entry["lines"] for entry in packages), default=0)
    rows = (
        item(
            entry["package"],
            f"{entry['files']:,} files · {entry['functions']:,} functions",
            f"{entry['lines']:,}",
            f"complexity {entry['mean_complexity']:.2f}",
            kinds_bar(entry, most),
        )
        for entry in packages
    )
    note = f"By lines, coloured as above: {len(packages)} of {count:,}. Complexity is the mean."
    return card("Packages", note, listing(rows), wide=True)


def ranking(
    head: tuple[str, str, bool],
    entries: Sequence[Row],
    figure: str,
    texts: Callable[[Row], tuple[str, str, str]],
) -> str:
    """Draw `entries` with a bar for `figure`. `texts` returns the name and two notes."""
    title, note, wide = head
    most = max((entry[figure] for entry in entries), default=0)
    rows = []
    for entry in entries:
        name, below, beside = texts(entry)
        bar = svg("lone", [("code", entry[figure], "")], most)
        rows.append(item(name, below, f"{entry[figure]:,}", beside, bar))
    return card(title, note, listing(rows), wide=wide)


def unparsable_card(files: Sequence[Row]) -> str:
    """List the files that are not valid Python, collapsed. Return "" if there are none."""
    if not files:
        return ""
    rows = (item(entry["path"], entry["reason"], "", "", "") for entry in files)
    return (
        f'<details class="card wide"><summary><h2>Unparsable files ({len(files):,})</h2>'
        f"</summary>{listing(rows)}</details>"
    )


def footer(left_out: Sequence[str]) -> str:
    """Explain how it was counted."""
    folders = ", ".join(escape(name) for name in left_out)
    return (
        "<footer><p>Complexity is McCabe's: 1, and 1 more for each if, loop, except, case, "
        "comprehension and its conditions, conditional expression, and each further operand of "
        "<b>and</b> or <b>or</b>. Nested functions count for themselves.</p><p>Folders left out: "
        f"{folders}. Unparsable files are counted as files and in nothing else.</p></footer>"
    )


def card(title: str, note: str, body: str, *, wide: bool = False) -> str:
    """Frame a chart. `note` and `body` are markup of this module, never text of the report."""
    kind = "card wide" if wide else "card"
    return f'<section class="{kind}"><h2>{title}</h2><p class="note">{note}</p>{body}</section>'


def listing(rows: Iterable[str]) -> str:
    """Return the rows, one below the other."""
    return f'<ol class="rows">{"".join(rows)}</ol>'


def item(name: str, below: str, value: str, beside: str, bar: str) -> str:
    """Return a row: name and value, a note under each, and the bar below."""
    small = f"<small>{escape(below)}</small><small>{escape(beside)}</small>"
    return f"<li><b>{escape(name)}</b><em>{escape(value)}</em>{small}{bar}</li>"


def kinds_bar(totals: Row, most: int) -> str:
    """Draw a bar of lines by kind."""
    parts = [(kind, totals[kind], f"{name}: {totals[kind]:,}") for kind, name in KINDS]
    return svg("stack", parts, most)


def svg(kind: str, parts: Sequence[tuple[str, int, str]], most: int) -> str:
    """Draw (class, size, tip) parts one after another on a scale from 0 to `most`."""
    shapes, start = [], 0
    for name, size, tip in parts:
        x, width = (round(1000 * n / most, 2) if most else 0.0 for n in (start, size))
        if kind == "lone" and size:
            width = max(width, 4.0)  # a sliver that can be seen
        title = f"<title>{escape(tip)}</title>" if tip else ""
        shapes.append(f'<rect class="{name}" x="{x}" width="{width}" height="10">{title}</rect>')
        start += size
    scale = 'viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"'
    return f'<svg class="{kind}" {scale}>{"".join(shapes)}</svg>'


def share(part: int, whole: int) -> str:
    """Return `part` as a percentage of `whole`. A part above zero is never shown as zero."""
    percent = 100 * part / whole if whole else 0.0
    return "under 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"
