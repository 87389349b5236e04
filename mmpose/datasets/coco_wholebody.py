"""COCO-WholeBody dataset: body, feet, face and both hands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmpose.datasets.coco import CocoDataset
from mmpose.evaluation.functional import WHOLEBODY_FIELDS
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS
from mmpose.structures import DatasetMeta


@DATASETS.register_module()
class CocoWholeBodyDataset(CocoDataset):
    """Persons with 133 keypoints: 17 body, 6 feet, 68 face, 21 left hand and 21 right hand.

    They stand in the fields of COCO-WholeBody (Jin et al., ECCV 2020), or all in ``keypoints``. The
    visibility of face and hand keypoints is a confidence; above 0 counts as labelled. A
    person without a labelled body keypoint is left out, as in the published loaders.

    The other arguments are those of ``CocoDataset``.
    """

    parts = WHOLEBODY_FIELDS

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        metainfo: str | Path | DatasetMeta = 'coco_wholebody',
        **kwargs: Any,
    ) -> None:
        dataset_meta, expected = load_metainfo(metainfo), sum(WHOLEBODY_FIELDS.values())
        if dataset_meta.num_keypoints != expected:
            raise ValueError(
                f"dataset.metainfo '{dataset_meta.name}' has {dataset_meta.num_keypoints} "
                f"keypoints, expected the {expected} of 'coco_wholebody'"
            )
        super().__init__(ann_file, data_root, data_prefix, dataset_meta, **kwargs)
