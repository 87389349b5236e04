"""Labels in memory: what every annotation format is read into and written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from math import cos, radians, sin
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta

Box = tuple[float, float, float, float]  # x, y, width, height in img px
Point = tuple[float, float, int]  # x, y in img px; visibility
UNLABELLED, OCCLUDED, VISIBLE = 0, 1, 2  # visibility in COCO's sense
NEUTRAL_NAME = 'kpt-{}'


class LabelledImage(NamedTuple):
    """An image: its name relative to the image folder, and (width, height) in px."""

    file_name: str
    wh: tuple[int, int]


class Draft(NamedTuple):
    """An instance as formats without a fixed order of keypoints give it.

    Attributes:
        image: Row of its image.
        category: Name of its category.
        points: Keypoint name -> x, y, visibility; unlabelled ones may be missing.
        bbox_xywh: The labelled box, or None.
    """

    image: int
    category: str
    points: Mapping[str, Point]
    bbox_xywh: Box | None = None


@dataclass(frozen=True, eq=False)
class LabelledInstance:
    """One person, animal or thing.

    Attributes:
        image: Row of its image.
        category: Row of its category.
        keypoints: (K, 3) float64. x and y in img px, and COCO's visibility: 0 not labelled,
            1 labelled but occluded, 2 visible. Coordinates mean nothing where it is 0.
        bbox_xywh: The labelled box in img px; None if the format has no box.
    """

    image: int
    category: int
    keypoints: NDArray[np.float64]
    bbox_xywh: Box | None = None


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Labelled images of one skeleton; lists that are given become tuples.

    Attributes:
        keypoint_names: (K,), unique.
        skeleton_links: Pairs of keypoint rows.
        categories: Names; every category has the same keypoints.
        images: Those without an instance too.
        instances: In the order of the file.
        notes: What a reader left out or guessed, a sentence each.
        flip_indices: (K,) mirror partner of each keypoint; None if nobody said.
    """

    keypoint_names: Sequence[str]
    skeleton_links: Sequence[tuple[int, int]]
    categories: Sequence[str]
    images: Sequence[LabelledImage]
    instances: Sequence[LabelledInstance]
    notes: Sequence[str] = ()
    flip_indices: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, None if value is None else tuple(value))
        states = (UNLABELLED, OCCLUDED, VISIBLE)
        for instance in self.instances:
            values = instance.keypoints
            good = np.isin(values[:, 2], states) & np.isfinite(values).all(1)
            if not good.all():
                row = int(np.argmin(good))
                raise ValueError(
                    f"image '{self.images[instance.image].file_name}': keypoint "
                    f"'{self.keypoint_names[row]}' is {values[row].tolist()}, expected x, y and a "
                    'visibility of 0, 1 or 2'
                )

    def by_image(self) -> list[tuple[LabelledImage, list[LabelledInstance]]]:
        """Returns the images with the instances of each."""
        found: list[list[LabelledInstance]] = [[] for _ in self.images]
        for instance in self.instances:
            found[instance.image].append(instance)
        return list(zip(self.images, found, strict=True))

    def by_path(
        self, folder: Path, suffix: str
    ) -> dict[Path, tuple[LabelledImage, list[LabelledInstance]]]:
        """Returns the same by the file of labels of each image, for formats that have such files.

        Raises:
            ValueError: If two images would have one file.
        """
        found: dict[Path, tuple[LabelledImage, list[LabelledInstance]]] = {}
        for image, instances in self.by_image():
            path = (folder / image.file_name).with_suffix(suffix)
            if path in found:
                raise ValueError(
                    f"'{image.file_name}' and another image would both have the file {path}; "
                    'rename one'
                )
            found[path] = image, instances
        return found


def neutral_names(count: int) -> list[str]:
    """Returns names for keypoints of which only the order is known."""
    return [NEUTRAL_NAME.format(i) for i in range(count)]


def order_of_appearance(drafts: Iterable[Draft]) -> list[str]:
    """Returns the keypoint names of drafts, in the order in which they first appear."""
    return list(dict.fromkeys(name for draft in drafts for name in draft.points))


def listed_names(
    drafts: Iterable[Draft], config: Path, read: Callable[[Path], list[str]]
) -> tuple[list[str], list[str]]:
    """Returns the keypoint names of drafts in the order of a configuration, and notes.

    Args:
        config: File that lists the names; without it they are in the order of appearance.
        read: Returns its names.
    """
    names = order_of_appearance(drafts)
    if config.is_file():
        return list(dict.fromkeys([*read(config), *names])), []
    return names, [
        f'{config} does not exist, so keypoints are in the order in which they appear; '
        'give --metainfo to order them'
    ]


def assemble(
    names: Sequence[str],
    images: Sequence[LabelledImage],
    drafts: Sequence[Draft],
    skeleton_links: Sequence[tuple[int, int]] = (),
    notes: Sequence[str] = (),
) -> LabelSet:
    """Returns the label set of drafts.

    Args:
        names: (K,) keypoint names in order, all that the drafts have among them.
    """
    row = {name: i for i, name in enumerate(names)}
    categories = list(dict.fromkeys(draft.category for draft in drafts))
    instances = []
    for image, category, points, bbox_xywh in drafts:
        keypoints = np.zeros((len(names), 3))
        for name, point in points.items():
            keypoints[row[name]] = point
        instances.append(LabelledInstance(image, categories.index(category), keypoints, bbox_xywh))
    return LabelSet(names, skeleton_links, categories, images, instances, notes)


def count_notes(left_out: Mapping[str, int]) -> list[str]:
    """Returns the notes on what was left out, as kind -> how many."""
    return [f'left out: {count} {kind}' for kind, count in left_out.items() if count]


def with_skeleton(labels: LabelSet, dataset_meta: DatasetMeta) -> LabelSet:
    """Returns the labels with the keypoints and limbs of a skeleton, in its order.

    Keypoints are matched by name; neutral names (``kpt-0``, ...) are matched by place. Keypoints
    of the skeleton that the labels lack become unlabelled ones.

    Raises:
        ValueError: If the labels have a keypoint that the skeleton lacks.
    """
    names = list(labels.keypoint_names)
    if names == neutral_names(len(names)) and len(names) == dataset_meta.num_keypoints:
        names = list(dataset_meta.keypoint_names)
    strange = [name for name in names if name not in dataset_meta.keypoint_names]
    if strange:
        raise ValueError(
            f"keypoints {strange} are none of the skeleton '{dataset_meta.name}', which has "
            f'{list(dataset_meta.keypoint_names)}; rename them in the annotation tool or give '
            '--metainfo another skeleton'
        )
    rows = [dataset_meta.keypoint_names.index(name) for name in names]
    instances = []
    for instance in labels.instances:
        keypoints = np.zeros((dataset_meta.num_keypoints, 3))
        keypoints[rows] = instance.keypoints
        instances.append(replace(instance, keypoints=keypoints))
    return replace(
        labels,
        keypoint_names=dataset_meta.keypoint_names,
        skeleton_links=[(a, b) for a, b in dataset_meta.skeleton_links.tolist()],
        instances=instances,
        flip_indices=dataset_meta.flip_indices.tolist(),
    )


def with_boxes(labels: LabelSet, margin: float = 0.0, whole_image: bool = False) -> LabelSet:
    """Returns the labels with a box for every instance, for formats that have none.

    A missing box is the smallest one around the labelled keypoints, at least 1 px wide and high,
    grown on each side by ``margin`` times its longer side and clipped to the image.

    Args:
        whole_image: Whether a missing box is the whole image instead.

    Raises:
        ValueError: If several instances of an image would get the whole image.
    """
    made = [instance.image for instance in labels.instances if instance.bbox_xywh is None]
    if not made:
        return labels
    if whole_image:
        image, count = Counter(made).most_common(1)[0]
        if count > 1:
            raise ValueError(
                f"'{labels.images[image].file_name}' has {count} instances without a box, and one "
                'crop shows one instance; leave --whole-image out and give --box-margin'
            )
        how = 'is the whole image'
    else:
        how = f'is drawn round the labelled keypoints with --box-margin {margin:g}'
    instances = []
    for instance in labels.instances:
        if instance.bbox_xywh is None:
            wh = labels.images[instance.image].wh
            whole = (0.0, 0.0, float(wh[0]), float(wh[1]))
            box = whole if whole_image else box_around(instance.keypoints, wh, margin)
            instance = replace(instance, bbox_xywh=box)
        instances.append(instance)
    note = f'{len(made)} of {len(instances)} instances have no box; theirs {how}'
    return replace(labels, instances=instances, notes=(*labels.notes, note))


def box_around(keypoints: NDArray[np.float64], wh: tuple[int, int], margin: float) -> Box:
    """Returns the box (x, y, width, height) around the labelled keypoints (K, 3), img px."""
    xy = keypoints[keypoints[:, 2] > 0, :2]
    if not len(xy):
        return (0.0, 0.0, 0.0, 0.0)
    low, high = xy.min(0), xy.max(0)
    grow = np.maximum(1 - (high - low), 0) / 2 + margin * (high - low).max()
    low, high = np.maximum(low - grow, 0), np.minimum(high + grow, wh)
    x, y, width, height = (float(value) for value in (*low, *(high - low)))
    return (x, y, width, height)


def box_of_corners(corners: Sequence[tuple[float, float]]) -> Box:
    """Returns the upright box (x, y, width, height) around corners, img px."""
    xs, ys = zip(*corners, strict=True)
    return (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def turned_box(bbox_xywh: Box, degrees: float, pivot_xy: tuple[float, float]) -> Box:
    """Returns the upright box around a box that is turned clockwise about a point, img px."""
    if not degrees:
        return bbox_xywh
    (x, y, width, height), (pivot_x, pivot_y) = bbox_xywh, pivot_xy
    dx, dy = cos(radians(degrees)), sin(radians(degrees))
    offsets = product((x - pivot_x, x + width - pivot_x), (y - pivot_y, y + height - pivot_y))
    return box_of_corners(
        [
            (pivot_x + dx * across - dy * down, pivot_y + dy * across + dx * down)
            for across, down in offsets
        ]
    )


def exact(value: float) -> float | int:
    """Returns a number that reads back to the same bits, without a needless '.0'."""
    return int(value) if value == int(value) else float(value)


def tidy(value: float) -> float | int:
    """Returns a number as JSON should show it: of three digits, and without a needless '.0'."""
    return exact(round(float(value), 3))
