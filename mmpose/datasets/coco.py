"""COCO dataset, and every dataset in the same layout."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.category_choice import find_categories
from mmpose.coco.instance_layout import InstanceLayout
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.base import MASKS, KeypointDataset
from mmpose.datasets.coco_json import (
    BBOX_CLIPS,
    read_coco_annotations,
    read_coco_detections,
)
from mmpose.datasets.instance_masks import read_masks
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.registry import DATASETS
from mmpose.structures import DatasetMeta

BBOX_FORMATS = ('xywh', 'xyxy')
# Of a file with corners, this share of the boxes at least leaves the image when read as a size.
MIN_OUTSIDE_SHARE = 0.2
DETECTED_BOXES = ('bbox_file', 'bbox_score_thr', 'bbox_format')  # arguments of detected boxes


@DATASETS.register_module()
class CocoDataset(KeypointDataset):
    """Persons of a COCO keypoint file, or the boxes that a detector found on its images.

    Also reads OCHuman, AIC, CrowdPose, Human-Art, AP-10K, APT-36K and Animal-Pose, with the
    skeleton of the dataset as ``metainfo``. The names in the file have to be in the order of the
    skeleton; their spelling is free.

    Args:
        bbox_file: Result file of a person detector, relative to ``data_root`` unless absolute;
            for tests only. None for the annotated boxes.
        bbox_score_thr: Leaves out detections with a lower score.
        bbox_format: What the four numbers of a box in ``bbox_file`` are: ``xywh`` (left, top,
            width, height), as COCO says, or ``xyxy`` (two corners).
        bbox_clip: How annotated boxes become windows: a box of width w ends w - 1 px after its
            first pixel, and areas of 0 are left out (``0.x``, as MMPose 0.x and ViTPose count), or
            w px after it (``1.x``), and inside the image; ``none`` takes it as it is, and so do
            ``center_scale`` and the like.
        keypoint_field: Field of an annotation that holds the keypoints, such as ``keypoints_21``
            or ``face_kpts``; several are one instance each.
        bbox_field: Field that holds the box of each; or ``center_scale``, ``center_zoom`` or
            ``image``. See ``InstanceLayout``.
        first_pixel: Coordinate of the first pixel in the file; 1 where it counts as Matlab does.
        trust_order: Takes the keypoints in the order of the skeleton whatever the names in the
            file say.
        category: Id or name of the category, or a list of them, whose annotations (or boxes in
            ``bbox_file``) are read, for a file whose categories have different keypoints; None
            reads all.

    The other arguments are those of ``KeypointDataset``.

    Attributes:
        parts: Fields of an annotation that hold the keypoints, with the number in each; None for
            all in ``keypoint_field``.
    """

    parts: Mapping[str, int] | None = None

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        metainfo: str | Path | DatasetMeta | None = None,
        test_mode: bool = False,
        bbox_file: str | None = None,
        bbox_score_thr: float = 0.0,
        bbox_format: str = 'xywh',
        bbox_clip: str = '0.x',
        keypoint_field: str | Sequence[str] = 'keypoints',
        bbox_field: str | Sequence[str] = 'bbox',
        first_pixel: float = 0,
        trust_order: bool = False,
        category: int | str | Sequence[int | str] | None = None,
        **kwargs: Any,
    ) -> None:
        if bbox_file and not test_mode:
            raise ValueError(
                f'dataset.bbox_file={bbox_file!r} has boxes without keypoints, which can only be '
                'tested; set dataset.test_mode=True'
            )
        if bbox_format not in BBOX_FORMATS:
            raise ValueError(f"dataset.bbox_format is '{bbox_format}', expected 'xywh' or 'xyxy'")
        if bbox_clip not in BBOX_CLIPS:
            raise ValueError(f"dataset.bbox_clip is '{bbox_clip}', expected one of {BBOX_CLIPS}")
        self.instance_layout = InstanceLayout(
            keypoint_field, bbox_field, first_pixel, trust_order, category
        )
        if self.parts and self.instance_layout.keypoint_field != ('keypoints',):
            raise ValueError(
                f'dataset.keypoint_field is {keypoint_field!r}, but {type(self).__name__} reads '
                f"{', '.join(self.parts)}; set dataset.type='CocoDataset'"
            )
        self.bbox_clip = 'none' if self.instance_layout.makes_windows else bbox_clip
        self.data_root = data_root
        self.bbox_format = bbox_format
        self.bbox_file = self._path('bbox_file', bbox_file) if bbox_file else None
        self.bbox_score_thr = bbox_score_thr
        super().__init__(ann_file, data_root, data_prefix, metainfo, test_mode=test_mode, **kwargs)
        if self.bbox_file is not None and bbox_format == 'xywh':
            self._warn_of_corners()

    def parse(self) -> AnnotationStore:
        dataset_meta, expected = self.dataset_meta, sum((self.parts or {}).values())
        if self.parts and dataset_meta.num_keypoints != expected:
            raise ValueError(
                f"dataset.metainfo '{dataset_meta.name}' has {dataset_meta.num_keypoints} "
                f"keypoints, expected the {expected} of '{self.default_metainfo}'"
            )
        reads_masks = self.has_step_that_reads(MASKS)
        if self.bbox_file is not None:
            if reads_masks:
                raise ValueError(
                    f'dataset.bbox_file={self.bbox_file} has boxes without masks, but the pipeline '
                    "has AddCondition with kind='mask'; set kind='bbox', or leave out bbox_file"
                )
            wanted = find_categories(self.ann_file, self.instance_layout.category)
            return read_coco_detections(self.bbox_file, self.ann_file, self.bbox_format, wanted)
        store = read_coco_annotations(
            self.ann_file, self.dataset_meta, self.parts, self.instance_layout, self.bbox_clip
        )
        if not reads_masks:
            return store
        masks = read_masks(self.ann_file, store.ann_ids, store.bbox_xywh)
        return replace(store, extras={**store.extras, MASKS: masks})

    def parse_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {'keypoint_names': list(self.dataset_meta.keypoint_names)}
        if self.has_step_that_reads(MASKS):
            options[MASKS] = True
        layout = asdict(self.instance_layout)
        category = layout.pop('category')
        if category is not None:
            options['category'] = list(category)
        if self.bbox_file is not None:
            return {**options, 'bbox_format': self.bbox_format}
        return {**options, 'bbox_clip': self.bbox_clip, **layout}

    def _sample_keys(self) -> set[str]:
        return super()._sample_keys() | {MASKS}

    @property
    def metainfo(self) -> dict[str, Any]:
        return {**super().metainfo, 'instance_layout': self.instance_layout}

    def ground_truth(self) -> KeypointGroundTruth:
        if self.bbox_file is not None:
            raise ValueError(
                f'dataset.bbox_file={self.bbox_file} has boxes without annotations, and the '
                'metric compares each pose with its annotation; leave out dataset.bbox_file'
            )
        return super().ground_truth()

    def sources(self) -> list[Path]:
        if self.bbox_file is not None:
            return [self.bbox_file, self.ann_file]
        return [self.ann_file]

    def candidates(self) -> np.ndarray:
        rows = np.flatnonzero(self.store.bbox_score >= self.bbox_score_thr)
        if not len(rows):
            raise ValueError(
                f'{self.bbox_file or self.ann_file}: none of {len(self.store)} boxes has a score '
                f'of at least dataset.bbox_score_thr={self.bbox_score_thr}'
            )
        return rows

    def _warn_of_corners(self) -> None:
        """Warns if the boxes would all fit into their images as corners but not as sizes."""
        boxes = self.store.bbox_xywh
        image_wh = self.store.image_wh[self.store.image_index]
        start, end = boxes[:, :2], boxes[:, 2:]
        known = (image_wh > 0).all(axis=1)
        fits_as_corners = ((end > start) & (end <= image_wh + 1)).all(axis=1) | ~known
        leaves_as_size = ((start + end > 1.1 * image_wh).any(axis=1) & known).mean()
        if fits_as_corners.all() and leaves_as_size >= MIN_OUTSIDE_SHARE:
            warnings.warn(
                f'{self.bbox_file}: as [x, y, width, height], {leaves_as_size:.0%} of the boxes '
                'leave their image, and as [x1, y1, x2, y2] all fit; if they are corners, set '
                "dataset.bbox_format='xyxy'",
                stacklevel=3,
            )
