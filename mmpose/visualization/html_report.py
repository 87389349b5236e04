"""HTML reports in one self-contained file: text, tables and embedded pictures."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from mmpose.visualization.shapes import Image

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5a6675; --paper: #fff; --line: #dfe5ec;
        --head: #f4f6f9; --accent: #2563eb; --box: #eef2f7; --good: #e3f5e6; --warn: #fff3d6;
        --bad: #fde4e1 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --soft: #9aa7b6; --paper: #14181f; --line: #303a48; --head: #1d242e;
          --accent: #6ea0ff; --box: #232b37; --good: #17402a; --warn: #4b3a10; --bad: #53211c }
}
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
       margin: 2rem auto 4rem; max-width: 76rem; padding: 0 1.2rem; color: var(--ink);
       background: var(--paper) }
h1 { font-size: 1.7rem; letter-spacing: -.01em; margin: 0 0 .6rem }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .8rem;
     border-top: 1px solid var(--line) }
h3 { font-size: 1.02rem; margin: 1.8rem 0 .4rem } p { max-width: 60rem; margin: .5rem 0 }
a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
nav { font-size: .88rem; margin: 1rem 0; line-height: 1.9 }
nav a { margin-right: 1.1rem; display: inline-block }
.summary { font-weight: 600; padding: .6rem .9rem; border-radius: .5rem; background: var(--box);
           max-width: none }
.good { background: var(--good) } .warn { background: var(--warn) } .bad { background: var(--bad) }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0 }
.tiles div { border: 1px solid var(--line); border-radius: .5rem; padding: .55rem .9rem;
             min-width: 6.5rem }
.tiles b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums }
.tiles span { color: var(--soft); font-size: .82rem }
.scroll { overflow-x: auto; margin: .6rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem }
th, td { padding: .22rem .75rem; text-align: left; border-bottom: 1px solid var(--line) }
th { background: var(--head); font-weight: 600 } td.number, th.number { text-align: right }
td.bar { min-width: 13rem; white-space: nowrap } td.bar i { display: inline-block; height: .68rem;
         border-radius: .2rem; background: var(--accent); margin-right: .55rem }
td.code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .84rem;
          overflow-wrap: anywhere }
figure { display: inline-block; margin: .4rem 1rem 1rem 0; vertical-align: top; max-width: 100% }
img { max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: .4rem }
figcaption { font-size: .85rem; color: var(--soft) }
details { margin: .8rem 0 } summary { cursor: pointer; color: var(--accent) }
pre { font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--head);
      padding: .8rem 1rem; border-radius: .5rem; overflow-x: auto; max-height: 40rem }
"""
_RIGHT = ' class="number"'
_NUMBER = re.compile(r'[+-]?\d[\d.,:]*( %)?|-|')  # also an empty cell between numbers


@dataclass(frozen=True)
class Bar:
    """A table cell with a bar beside its text.

    Attributes:
        share: Length, in [0, 1].
        text: The value.
    """

    share: float
    text: str


@dataclass(frozen=True)
class Code:
    """A table cell in the letters of code, such as a setting.

    Attributes:
        text: The code.
    """

    text: str


class HtmlReport:
    """HTML page, built section by section and written as one file.

    Args:
        title: Heading of the page.
        has_contents: Whether links to the sections stand below the heading.
    """

    def __init__(self, title: str, has_contents: bool = False) -> None:
        self._title = title
        self._has_contents = has_contents
        self._parts: list[str] = []
        self._sections: list[str] = []

    def summary(self, text: str, status: str = '') -> None:
        """Adds a sentence in a coloured box; status is 'good', 'warn', 'bad' or ''."""
        self._parts.append(f'<p class="summary {html.escape(status)}">{html.escape(text)}</p>')

    def heading(self, text: str) -> None:
        """Starts a section."""
        name = html.escape(text)
        if self._has_contents:
            self._sections.append(name)
            self._parts.append(f'<h2 id="section{len(self._sections)}">{name}</h2>')
        else:
            self._parts.append(f'<h2>{name}</h2>')

    def subheading(self, text: str) -> None:
        """Starts a part of a section."""
        self._parts.append(f'<h3>{html.escape(text)}</h3>')

    def text(self, text: str) -> None:
        """Adds a paragraph."""
        self._parts.append(f'<p>{html.escape(text)}</p>')

    def tiles(self, values: Mapping[str, str]) -> None:
        """Adds the primary metrics, large, each with its name below."""
        tiles = ''.join(
            f'<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>'
            for name, value in values.items()
        )
        self._parts.append(f'<div class="tiles">{tiles}</div>')

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Adds a table; floats get four digits, columns of numbers are aligned to the right.

        Args:
            rows: Numbers, text, :class:`Bar` and :class:`Code`.
        """
        is_number = [
            bool(rows) and all(map(_is_number, cells)) for cells in zip(*rows, strict=True)
        ] or [False] * len(columns)
        head = ''.join(
            f'<th{_RIGHT if number else ""}>{html.escape(column)}</th>'
            for column, number in zip(columns, is_number, strict=True)
        )
        cells = [map(_cell, row, is_number) for row in rows]
        body = ''.join(f'<tr>{"".join(row)}</tr>' for row in cells)
        self._parts.append(f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>')

    def details(self, summary: str, text: str) -> None:
        """Adds long text that opens on a click."""
        self._parts.append(
            f'<details><summary>{html.escape(summary)}</summary>'
            f'<pre>{html.escape(text)}</pre></details>'
        )

    def picture(
        self, image_bgr: Image, caption: str = '', quality: int = 88, lossless: bool = False
    ) -> None:
        """Adds a picture (H, W, 3) uint8 BGR.

        Args:
            quality: Of the JPEG, 0 to 100.
            lossless: Embed a PNG, which is smaller and sharper for drawings on a plain ground.
        """
        kind, options = ('png', []) if lossless else ('jpeg', [cv2.IMWRITE_JPEG_QUALITY, quality])
        _, data = cv2.imencode(f'.{kind}', image_bgr, options)
        source = base64.b64encode(data.tobytes()).decode()
        text = html.escape(caption)
        self._parts.append(
            f'<figure><img src="data:image/{kind};base64,{source}" alt="{text}">'
            f'<figcaption>{text}</figcaption></figure>'
        )

    def write(self, path: str | Path) -> Path:
        """Writes the page, making its folder if needed, and returns its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        title = html.escape(self._title)
        links = ''.join(
            f'<a href="#section{i}">{name}</a>' for i, name in enumerate(self._sections, start=1)
        )
        path.write_text(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>'
            f'{f"<nav>{links}</nav>" if links else ""}{"".join(self._parts)}</body></html>',
            encoding='utf-8',
        )
        return path


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: object, is_number: bool) -> str:
    if isinstance(value, Bar):
        width = 9 * min(max(value.share, 0.0), 1.0)
        return f'<td class="bar"><i style="width:{width:.2f}rem"></i>{html.escape(value.text)}</td>'
    if isinstance(value, Code):
        return f'<td class="code">{html.escape(value.text)}</td>'
    text = f'{value:.4f}' if isinstance(value, float) else html.escape(str(value))
    right = is_number or (_is_number(value) and not isinstance(value, str))
    return f'<td{_RIGHT if right else ""}>{text}</td>'
