"""MPII dataset, in the JSON files that the top-down literature shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.base import KeypointDataset
from mmpose.datasets.mpii_json import read_mpii, with_head_sizes
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.evaluation.functional.keypoint_errors import HEAD_SIZE
from mmpose.evaluation.functional.mpii import MAT_FILE
from mmpose.registry import DATASETS
from mmpose.structures import DatasetMeta


@DATASETS.register_module()
class MpiiDataset(KeypointDataset):
    """Persons of ``mpii_{train,val,trainval,test}.json``.

    The file is a list; ``ann_id`` is the row in it and ``img_id`` the running number of the image,
    both from 0, because MPII numbers neither. The box is the square of 200 times the annotated
    scale, a little below the annotated centre, which the published 1.25 padding turns into the
    published window. ``ground_truth().extras['head_size']`` is there if the head boxes are known,
    from the entries (``head_box``) or from ``mpii_gt_val.mat`` beside a file of as many persons.

    The arguments are those of ``KeypointDataset``. A file without ``joints``, such as that of the
    test set, needs ``test_mode=True``.
    """

    layout = 'mpii'

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        metainfo: str | Path | DatasetMeta = 'mpii',
        **kwargs: Any,
    ) -> None:
        super().__init__(ann_file, data_root, data_prefix, metainfo, **kwargs)

    def parse(self) -> AnnotationStore:
        return read_mpii(self.ann_file, self.dataset_meta)

    def ground_truth(self) -> KeypointGroundTruth:
        truth = super().ground_truth()
        mat_file = self.ann_file.with_name(MAT_FILE)
        if HEAD_SIZE in truth.extras or not mat_file.is_file():
            return truth
        return with_head_sizes(truth, mat_file)

    def candidates(self) -> np.ndarray:
        if not self.test_mode and not self.store.keypoints_visible.any():
            raise ValueError(
                f"{self.ann_file}: no entry has a field 'joints' with a labelled joint, so there "
                'is nothing to train on; is it the test set? Then set dataset.test_mode=True'
            )
        return super().candidates()
