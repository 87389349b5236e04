"""Choice of the categories of a COCO-like file that one dataset reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpose.coco.json_fields import Json
from mmpose.coco.json_stream import stream_batches

Category = int | str


def find_categories(
    path: str | Path, wanted: Category | Sequence[Category] | None
) -> list[int] | None:
    """Returns the ids of the categories of a file that are wanted; None for all.

    A name costs a pass over the file, because ``categories`` may stand at its end.

    Args:
        path: The file.
        wanted: Ids or names under ``categories``; ids are not looked up.

    Raises:
        ValueError: If the file lists no category of that name.
    """
    if wanted is None:
        return None
    chosen = [wanted] if isinstance(wanted, int | str) else list(wanted)
    if all(isinstance(one, int) for one in chosen):
        return [int(one) for one in chosen]
    listed = [
        item
        for section, items in stream_batches(Path(path))
        for item in (items if section == 'categories' else ())
        if isinstance(item, dict)
    ]
    ids = {item.get('name'): item.get('id') for item in listed}
    for one in chosen:
        if isinstance(one, str) and not isinstance(ids.get(one), int):
            known = ', '.join(f"'{name}' ({number})" for name, number in ids.items()) or 'none'
            raise ValueError(
                f"{path} has no category '{one}', it lists {known}; set dataset.category"
            )
    return [ids[one] if isinstance(one, str) else one for one in chosen]


def of_categories(annotations: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
    """Returns the annotations of some categories, and what is no annotation, to be named as such.

    Args:
        annotations: Entries of ``annotations``.
        wanted: Ids.
    """
    return [
        item
        for item in annotations
        if not isinstance(item, dict) or item.get('category_id') in wanted
    ]


def by_skeleton(categories: Sequence[Json]) -> list[list[Json]]:
    """Returns the categories that name keypoints, those with equal ones together, in their order.

    Args:
        categories: Entries of ``categories``.
    """
    groups: dict[tuple[str, ...], list[Json]] = {}
    for category in categories:
        if category.get('keypoints'):
            groups.setdefault(tuple(map(str, category['keypoints'])), []).append(category)
    return list(groups.values())
