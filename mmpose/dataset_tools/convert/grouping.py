"""Grouping of single points and boxes into instances, for formats that draw them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from mmpose.dataset_tools.convert.label_set import Box, Draft, Point

UNNAMED_CATEGORY = 'object'


class LoosePoint(NamedTuple):
    """Labelled point; ``group`` tells which instance it belongs to, None if nobody said."""

    group: Hashable
    name: str
    point: Point


class LooseBox(NamedTuple):
    """Labelled rectangle; its label is the category."""

    group: Hashable
    category: str
    bbox_xywh: Box


def group_instances(
    where: str,
    image: int,
    points: Sequence[LoosePoint],
    boxes: Sequence[LooseBox],
    left_out: Counter[str],
) -> list[Draft]:
    """Returns the instances of one image.

    Points of one group are an instance, and the box of that group is its box. Points without a
    group are one instance together; the only box of an image belongs to its only instance.

    Args:
        where: Words for the image in messages.
        image: Row of the image.
        left_out: Is told about boxes that belong to no keypoints.

    Raises:
        ValueError: If an instance has two points of one name, or a group two boxes.
    """
    members: dict[Hashable, dict[str, Point]] = {}
    for group, name, point in points:
        named = members.setdefault(group, {})
        if name in named:
            owner = 'without a group' if group is None else f'in group {group}'
            raise ValueError(
                f"{where}: the keypoint '{name}' occurs twice {owner}; give each instance a group "
                'of its own'
            )
        named[name] = point
    frames = _frames(where, list(members), boxes, left_out)
    return [
        Draft(image, frames[group].category, named, frames[group].bbox_xywh)
        if group in frames
        else Draft(image, UNNAMED_CATEGORY, named)
        for group, named in members.items()
    ]


def _frames(
    where: str, groups: list[Hashable], boxes: Sequence[LooseBox], left_out: Counter[str]
) -> dict[Hashable, LooseBox]:
    """Returns the box of each group that has one."""
    if len(groups) == len(boxes) == 1 and None in (groups[0], boxes[0].group):
        return {groups[0]: boxes[0]}
    frames: dict[Hashable, LooseBox] = {}
    for box in boxes:
        if box.group not in groups or box.group is None:
            left_out['boxes that share no group with a keypoint'] += 1
        elif box.group in frames:
            raise ValueError(f'{where}: group {box.group} has two boxes, expected one')
        else:
            frames[box.group] = box
    return frames
