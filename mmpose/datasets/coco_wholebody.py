"""COCO-WholeBody dataset: body, feet, face and both hands."""

from __future__ import annotations

from mmpose.datasets.coco import CocoDataset
from mmpose.evaluation.functional import WHOLEBODY_FIELDS
from mmpose.registry import DATASETS


@DATASETS.register_module()
class CocoWholeBodyDataset(CocoDataset):
    """Persons with 133 keypoints: 17 body, 6 feet, 68 face, 21 left hand and 21 right hand.

    They stand in the fields of COCO-WholeBody (Jin et al., ECCV 2020), or all in ``keypoints``. The
    visibility of face and hand keypoints is a confidence; above 0 counts as labelled. A
    person without a labelled body keypoint is left out, as in the published loaders.

    The other arguments are those of ``CocoDataset``.
    """

    default_metainfo = 'coco_wholebody'
    parts = WHOLEBODY_FIELDS
