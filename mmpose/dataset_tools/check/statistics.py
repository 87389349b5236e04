"""Statistics of a split: keypoints, categories, box sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mmpose.dataset_tools.check.skeleton import PairSides
from mmpose.dataset_tools.check.split import Split

# Upper ends of the classes of box sizes, px: 32 and 96 bound COCO's small and medium objects.
SIZE_ENDS = (16, 32, 64, 96, 128, 192, 256, 384, 512)


class KeypointCount(NamedTuple):
    """Labels of a keypoint in a split: hidden (v = 1) and visible (v = 2)."""

    name: str
    labelled: int
    hidden: int
    visible: int
    share: float


@dataclass(frozen=True)
class Statistics:
    """Counts of one split.

    Attributes:
        split: train, val or test.
        ann_file: Annotation file.
        num_images: Listed images.
        num_checked: Images that were decoded.
        num_bare: Images without a usable instance.
        num_annotations: Entries of the file.
        num_instances: Instances that are in order as far as the file goes.
        num_samples: Samples that the dataset of the config gives; None if it cannot be built.
        keypoints: One row per keypoint.
        categories: (id, name, number, share) of each category.
        box_sizes: (class of the square root of the box area, number).
        sides: Left and right per flip pair.
    """

    split: str
    ann_file: str
    num_images: int
    num_checked: int
    num_bare: int
    num_annotations: int
    num_instances: int
    num_samples: int | None
    keypoints: list[KeypointCount] = field(default_factory=list)
    categories: list[tuple[int, str, int, float]] = field(default_factory=list)
    box_sizes: list[tuple[str, int]] = field(default_factory=list)
    sides: list[PairSides] = field(default_factory=list)


def gather_statistics(
    split: Split, num_checked: int, num_samples: int | None, sides: list[PairSides]
) -> Statistics:
    """Returns the counts of a split."""
    num = len(split.store.image_index)
    return Statistics(
        split=split.name,
        ann_file=str(split.ann_file),
        num_images=len(split.store.image_ids),
        num_checked=num_checked,
        num_bare=len(split.store.image_ids) - len(np.unique(split.store.image_index)),
        num_annotations=split.num_annotations,
        num_instances=num,
        num_samples=num_samples,
        keypoints=_count_keypoints(split) if num else [],
        categories=_count_categories(split) if num else [],
        box_sizes=_count_sizes(split),
        sides=sides,
    )


def _count_keypoints(split: Split) -> list[KeypointCount]:
    hidden, visible = ((split.store.keypoints_visible == v).sum(axis=0) for v in (1, 2))
    num = len(split.store)
    return [
        KeypointCount(name, int(h + v), int(h), int(v), float(h + v) / num)
        for name, h, v in zip(split.dataset_meta.keypoint_names, hidden, visible, strict=True)
    ]


def _count_categories(split: Split) -> list[tuple[int, str, int, float]]:
    ids, counts = np.unique(split.store.category_ids, return_counts=True)
    found = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    listed = {**{i: str(i) for i in found}, **split.categories}
    total = sum(found.values())
    return [
        (i, name, found.get(i, 0), found.get(i, 0) / total) for i, name in sorted(listed.items())
    ]


def _count_sizes(split: Split) -> list[tuple[str, int]]:
    sizes = np.sqrt(split.store.bbox_xywh[:, 2] * split.store.bbox_xywh[:, 3])
    counts = np.bincount(np.searchsorted(SIZE_ENDS, sizes), minlength=len(SIZE_ENDS) + 1)
    names = [f'{a} to {b} px' for a, b in pairwise((0, *SIZE_ENDS))]
    return list(zip([*names, f'over {SIZE_ENDS[-1]} px'], counts.tolist(), strict=True))
