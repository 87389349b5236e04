"""COCO-WholeBody: body, feet, face and both hands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpose.datasets.coco import CocoDataset
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS
from mmpose.structures import DatasetMeta

# Jin et al., ECCV 2020; https://github.com/jin-s13/COCO-WholeBody/blob/master/data_format.md
WHOLEBODY_PARTS = {
    'keypoints': 17,
    'foot_kpts': 6,
    'face_kpts': 68,
    'lefthand_kpts': 21,
    'righthand_kpts': 21,
}


@DATASETS.register_module()
class CocoWholeBodyDataset(CocoDataset):
    """Persons with 133 keypoints: 17 body, 6 feet, 68 face, 21 left hand and 21 right hand.

    The visibility of face and hand keypoints is a confidence; above 0 counts as labelled. A
    person without a labelled body keypoint is left out, as in the published loaders.

    The arguments are those of ``CocoDataset``.
    """

    parts = WHOLEBODY_PARTS

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        img_prefix: str = '',
        metainfo: str | Path | DatasetMeta = 'coco_wholebody',
        pipeline: Sequence[Any] = (),
        bbox_file: str | None = None,
        bbox_score_thr: float = 0.0,
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        on_bad_image: str = 'raise',
        dataset_idx: int = 0,
    ) -> None:
        dataset_meta, expected = load_metainfo(metainfo), sum(WHOLEBODY_PARTS.values())
        if dataset_meta.num_keypoints != expected:
            raise ValueError(
                f"dataset.metainfo '{dataset_meta.name}' has {dataset_meta.num_keypoints} "
                'keypoints, expected the '
                f"{expected} of 'coco_wholebody'"
            )
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            img_prefix=img_prefix,
            metainfo=dataset_meta,
            pipeline=pipeline,
            bbox_file=bbox_file,
            bbox_score_thr=bbox_score_thr,
            test_mode=test_mode,
            indices=indices,
            on_bad_image=on_bad_image,
            dataset_idx=dataset_idx,
        )
