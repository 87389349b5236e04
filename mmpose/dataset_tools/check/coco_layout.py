"""Reads a file in COCO's layout to its end, and reports everything that is wrong in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmpose.coco.columns import EntryProblem
from mmpose.coco.instance_layout import InstanceLayout
from mmpose.coco.reader import AnnotationReader
from mmpose.dataset_tools.check.split import Split
from mmpose.datasets.annotations import AnnotationStore


def read_coco_split(
    split: Split,
    parts: Mapping[str, int] | None = None,
    layout: InstanceLayout | None = None,
) -> None:
    """Fills a split from its annotation file, as training reads it.

    Args:
        split: Empty but for its names; changed in place. Its log gets every problem, in the words
            in which training and evaluation refuse the file.
        parts: Fields of an annotation that hold its keypoints, with the number in each; None for
            all in one.
        layout: Where the instances of an annotation stand.
    """
    found: list[EntryProblem] = []
    fields = parts or split.dataset_meta.num_keypoints
    reader = AnnotationReader(
        split.ann_file, fields, split.dataset_meta, found.append, layout=layout
    )
    annotations = reader.read()
    images = reader.images
    split.num_annotations = reader.num_annotations
    split.store = AnnotationStore.pack(
        **images.columns(),
        image_index=images.find(annotations.image_id.tolist()),
        bbox_xywh=annotations.bbox_xywh,
        keypoints=annotations.keypoints,
        keypoints_visible=np.minimum(annotations.keypoints_visible, 2),
        area=annotations.area,
        ann_ids=annotations.ann_id,
        category_ids=annotations.category_id,
    )
    split.categories = {i: str(item.get('name', i)) for i, item in reader.categories.items()}
    names = dict(zip(reversed(images.ids), reversed(images.names), strict=True))
    for problem in found:
        # a malformed entry may have anything for an id
        image = problem.image if isinstance(problem.image, (str, int, np.integer)) else ''
        image = names.get(image, image if isinstance(image, str) else f'image_id {image}')
        split.report(problem.kind, problem.entry, problem.found, problem.expected, image)
