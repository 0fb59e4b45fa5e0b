"""An HTML page that opens offline by double click: its frame, tables and paragraphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1150px; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2.2em; border-top: 1px solid #ccc; padding-top: 1em; }
table { border-collapse: collapse; margin: 0.8em 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #e4e4e4; }
th:first-child, td:first-child { text-align: left; } .overview td:nth-child(3) { white-space: nowrap; }
.overview :is(th, td):is(:nth-child(2), :last-child) { text-align: left; }
.wide { overflow-x: auto; } img { max-width: 100%; } pre { background: #f5f5f5; padding: 1em; overflow-x: auto; }
.note { background: #fff6d6; padding: 0.4em 0.8em; } .problem { background: #fde3e1; padding: 0.4em 0.8em; }
.miss { color: #b00020; } .small { color: #666; font-size: 0.9em; }
"""


def html_page(title: str, body: str) -> str:
    """A whole page round a body that is HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def paragraphs(lines: Iterable[str]) -> str:
    """Lines of plain text, each a paragraph."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "plain") -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    body = "\n".join(lines)
    rows_and_head = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="wide"><table class="{kind}">{rows_and_head}</table></div>'
