"""A report as one HTML file that needs nothing else: text, tables and embedded pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2

from mmpose.visualization.shapes import Image

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
       color: #1c2330; background: #fff }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.verdict { font-weight: 600; padding: .6rem .9rem; border-radius: .4rem; background: #eef2f7 }
.good { background: #e3f5e6 } .warn { background: #fff3d6 } .bad { background: #fde4e1 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #dde3ea }
td.number { text-align: right } th { background: #f5f7fa }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; max-width: 100% }
img { max-width: 100%; border: 1px solid #dde3ea } figcaption { font-size: .85rem; color: #53606f }
@media (prefers-color-scheme: dark) {
  body { color: #e4e9f0; background: #14181f } th { background: #1e2530 }
  .verdict { background: #242c38 } .good { background: #17402a } .warn { background: #4b3a10 }
  .bad { background: #53211c } th, td, img { border-color: #303a48 } figcaption { color: #9aa7b6 }
}
"""


class HtmlReport:
    """Collects sections in order and writes them as one file.

    Args:
        title: Heading of the page.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []

    def verdict(self, text: str, mood: str = '') -> None:
        """Adds a sentence in a coloured box; mood is 'good', 'warn', 'bad' or ''."""
        self._parts.append(f'<p class="verdict {html.escape(mood)}">{html.escape(text)}</p>')

    def heading(self, text: str) -> None:
        """Starts a section."""
        self._parts.append(f'<h2>{html.escape(text)}</h2>')

    def text(self, text: str) -> None:
        """Adds a paragraph."""
        self._parts.append(f'<p>{html.escape(text)}</p>')

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Adds a table; floats get four digits, numbers are aligned to the right."""
        head = ''.join(f'<th>{html.escape(column)}</th>' for column in columns)
        body = ''.join(f'<tr>{"".join(map(_cell, row))}</tr>' for row in rows)
        self._parts.append(f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>')

    def picture(self, image_bgr: Image, caption: str = '') -> None:
        """Adds a picture (H, W, 3) uint8 BGR, embedded as JPEG."""
        _, data = cv2.imencode('.jpg', image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
        source = base64.b64encode(data.tobytes()).decode()
        text = html.escape(caption)
        self._parts.append(
            f'<figure><img src="data:image/jpeg;base64,{source}" alt="{text}">'
            f'<figcaption>{text}</figcaption></figure>'
        )

    def write(self, path: str | Path) -> Path:
        """Writes the page, making its folder if needed, and returns its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        title = html.escape(self._title)
        path.write_text(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>'
            f'{"".join(self._parts)}</body></html>',
            encoding='utf-8',
        )
        return path


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f'<td>{html.escape(str(value))}</td>'
    text = f'{value:.4f}' if isinstance(value, float) else str(value)
    return f'<td class="number">{text}</td>'
