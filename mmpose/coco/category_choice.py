"""Choice of the categories of a COCO-like file that one dataset reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpose.coco.json_fields import Json
from mmpose.coco.json_stream import stream_batches

Category = int | str


def as_category(text: str) -> Category:
    """Returns the category that a word of a command line names, by id or by name."""
    return int(text) if text.isdecimal() else text


def find_categories(path: str | Path, wanted: Sequence[Category] | None) -> list[int] | None:
    """Returns the ids of the categories of a file that are wanted; None for all.

    Args:
        path: The file; a name costs a pass over it, because ``categories`` may stand at its end.
        wanted: Ids or names under ``categories``; ids are not looked up.

    Raises:
        ValueError: If the file lists no category of that name.
    """
    if wanted is None:
        return None
    ids: dict[Category, int] = {one: one for one in wanted if isinstance(one, int)}
    listed: dict[Category, Any] = {}
    if len(ids) < len(wanted):
        for section, items in stream_batches(Path(path)):
            for item in items if section == 'categories' else ():
                if isinstance(item, dict):
                    listed[item.get('name', '')] = item.get('id')
    unknown = [one for one in wanted if one not in ids and one not in listed]
    if unknown:
        known = ', '.join(f"'{name}' ({number})" for name, number in listed.items()) or 'none'
        raise ValueError(
            f"{path} has no category '{unknown[0]}', it lists {known}; set dataset.category"
        )
    return [int(ids.get(one, listed.get(one, 0))) for one in wanted]


def of_categories(annotations: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
    """Returns the annotations of some categories, and what is no annotation, to be named as such.

    Args:
        annotations: Entries of ``annotations``.
        wanted: Ids.
    """
    return [x for x in annotations if not isinstance(x, dict) or x.get('category_id') in wanted]


def by_skeleton(categories: Sequence[Json]) -> list[list[Json]]:
    """Returns entries of ``categories`` that name keypoints; those with equal ones together."""
    groups: dict[tuple[str, ...], list[Json]] = {}
    for category in categories:
        if category.get('keypoints'):
            groups.setdefault(tuple(map(str, category['keypoints'])), []).append(category)
    return list(groups.values())
