"""COCO keypoints, and every dataset in the same layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.base import KeypointDataset
from mmpose.datasets.coco_json import read_coco_annotations, read_coco_detections
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.registry import DATASETS
from mmpose.structures import PoseMeta


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

    The other arguments are those of ``KeypointDataset``.

    Attributes:
        parts: Fields of an annotation that hold the keypoints, with the number in each; None for
            all in ``keypoints``.
    """

    parts: Mapping[str, int] | None = None

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        img_prefix: str = '',
        metainfo: str | Path | PoseMeta = 'coco',
        pipeline: Sequence[Any] = (),
        bbox_file: str | None = None,
        bbox_score_thr: float = 0.0,
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        on_bad_image: str = 'raise',
        dataset_index: int = 0,
    ) -> None:
        if bbox_file and not test_mode:
            raise ValueError(
                f'dataset.bbox_file={bbox_file!r} has boxes without keypoints, which can only be '
                'tested; set dataset.test_mode=True'
            )
        self.data_root = data_root
        self.bbox_file = self._path('bbox_file', bbox_file) if bbox_file else None
        self.bbox_score_thr = bbox_score_thr
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            img_prefix=img_prefix,
            metainfo=metainfo,
            pipeline=pipeline,
            test_mode=test_mode,
            indices=indices,
            on_bad_image=on_bad_image,
            dataset_index=dataset_index,
        )

    def parse(self) -> AnnotationStore:
        if self.bbox_file is not None:
            return read_coco_detections(self.bbox_file, self.ann_file)
        return read_coco_annotations(self.ann_file, self.pose_meta, self.parts)

    def parse_options(self) -> dict[str, Any]:
        return {'keypoint_names': list(self.pose_meta.keypoint_names)}

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
