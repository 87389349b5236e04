"""Grouping of single points and boxes into instances, for formats that draw them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from mmpose.dataset_tools.convert.label_set import Box, Draft, Point

UNNAMED_CATEGORY = 'object'


class UnclearGroupError(ValueError):
    """Nobody knows which instance a point belongs to.

    Args:
        where: Words for the image.
        keypoint: Name of the point.
        problem: What is unclear about it.
    """

    def __init__(self, where: str, keypoint: str, problem: str) -> None:
        super().__init__(
            f"{where}: the keypoint '{keypoint}' {problem}; give each instance a group of its own"
        )
        self.keypoint = keypoint


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
    group belong to the only box that holds them; those of a picture without such boxes are one
    instance together, whose box is the only one of the picture.

    Args:
        where: Words for the image in messages.
        image: Row of the image.
        left_out: Is told about boxes that belong to no keypoints.

    Raises:
        UnclearGroupError: If an instance would have two points of one name.
        ValueError: If a group has two boxes.
    """
    # A box without a group is a group of its own.
    boxes = [
        box._replace(group=('box', i)) if box.group is None else box for i, box in enumerate(boxes)
    ]
    members: dict[Hashable, dict[str, Point]] = {}
    for group, name, point in _placed(where, points, boxes):
        named = members.setdefault(group, {})
        if name in named:
            owner = 'in one box' if isinstance(group, tuple) else f'in group {group}'
            owner = 'without a group' if group is None else owner
            raise UnclearGroupError(where, name, f'occurs twice {owner}')
        named[name] = point
    frames: dict[Hashable, LooseBox] = {}
    for box in boxes:
        if box.group not in members:
            left_out['boxes that share no group with a keypoint'] += 1
        elif box.group in frames:
            raise ValueError(f'{where}: group {box.group} has two boxes, expected one')
        else:
            frames[box.group] = box
    return [
        Draft(image, frames[group].category, named, frames[group].bbox_xywh)
        if group in frames
        else Draft(image, UNNAMED_CATEGORY, named)
        for group, named in members.items()
    ]


def _placed(
    where: str, points: Sequence[LoosePoint], boxes: Sequence[LooseBox]
) -> list[LoosePoint]:
    """Returns the points with the group of the box that they belong to, where nobody said."""
    loose = [point for point in points if point.group is None]
    groups = {point.group for point in points}
    names = {point.name for point in loose}
    if len(boxes) == len(groups) == 1 and (
        len(names) == len(loose) > 0 or (not loose and isinstance(boxes[0].group, tuple))
    ):  # nobody said whose the only box is
        return [point._replace(group=boxes[0].group) for point in points]
    holders = [
        [box.group for box in boxes if _holds(box.bbox_xywh, [point.point])] for point in loose
    ]
    if not any(holders):
        return list(points)
    for point, found in zip(loose, holders, strict=True):
        if len(set(found)) != 1:
            count = len(found) or 'no'
            raise UnclearGroupError(where, point.name, f'has no group and lies in {count} boxes')
    group_of = iter(found[0] for found in holders)
    return [
        point if point.group is not None else point._replace(group=next(group_of))
        for point in points
    ]


def boxes_of_groups(
    drafts: Sequence[Draft],
    groups: Sequence[Hashable],
    boxes: Sequence[LooseBox],
    left_out: Counter[str],
) -> list[Draft]:
    """Returns instances with the boxes of their groups.

    An instance that shares its group has the box that holds its points and those of no other.

    Args:
        groups: Group of each instance, or None.
        left_out: Is told about boxes that belong to no instance.
    """
    found = list(drafts)
    for box in boxes:
        rows = [i for i, group in enumerate(groups) if group == box.group and group is not None]
        is_only = len(rows) == 1 == sum(other.group == box.group for other in boxes)
        held = [i for i in rows if is_only or _holds(box.bbox_xywh, drafts[i].points.values())]
        if len(held) == 1 and found[held[0]].bbox_xywh is None:
            found[held[0]] = found[held[0]]._replace(bbox_xywh=box.bbox_xywh)
        elif rows:
            left_out['boxes of which several skeletons of their group could be the owner'] += 1
        else:
            left_out['boxes that share no group with a skeleton'] += 1
    return found


def _holds(bbox_xywh: Box, points: Iterable[Point]) -> bool:
    x, y, width, height = bbox_xywh
    labelled = [point for point in points if point[2]]
    return bool(labelled) and all(
        x <= px <= x + width and y <= py <= y + height for px, py, _ in labelled
    )
