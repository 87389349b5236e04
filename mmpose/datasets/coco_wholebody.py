"""COCO-WholeBody dataset: body, feet, face and both hands."""

from __future__ import annotations

from collections.abc import Mapping
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

    The other arguments are those of ``CocoDataset``.
    """

    parts = WHOLEBODY_PARTS

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        metainfo: str | Path | DatasetMeta = 'coco_wholebody',
        **kwargs: Any,
    ) -> None:
        dataset_meta, expected = load_metainfo(metainfo), sum(WHOLEBODY_PARTS.values())
        if dataset_meta.num_keypoints != expected:
            raise ValueError(
                f"dataset.metainfo '{dataset_meta.name}' has {dataset_meta.num_keypoints} "
                f"keypoints, expected the {expected} of 'coco_wholebody'"
            )
        super().__init__(ann_file, data_root, data_prefix, dataset_meta, **kwargs)
