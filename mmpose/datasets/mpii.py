"""MPII dataset, in the JSON files that the top-down literature shares."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmpose.coco.keypoint_arrays import HEAD_SIZE, KeypointGroundTruth
from mmpose.coco.mpii_reader import HAS_CENTER, check_head_sizes, read_mpii
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.base import KeypointDataset
from mmpose.evaluation.functional.mpii import MAT_FILE, with_official_mat
from mmpose.registry import DATASETS

MAX_MEDIAN_DISTANCE = 5.0  # px; the two files of one set agree far better, others not at all


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

    layout = default_metainfo = 'mpii'

    def parse(self) -> AnnotationStore:
        found = read_mpii(self.ann_file, self.dataset_meta.num_keypoints)
        extras = dict(found.extras)
        keep = extras.pop(HAS_CENTER)
        if not keep.all():
            warnings.warn(
                f'{self.ann_file}: left out {(~keep).sum()} of {len(keep)} entries whose center is '
                f'(-1, -1), which means unknown, first entry {keep.argmin()}',
                stacklevel=2,
            )
        if not keep.any():
            raise ValueError(f"{self.ann_file}: no entry has a known 'center'")
        is_labelled = found.keypoints_visible
        return AnnotationStore.pack(
            file_names=found.image_extras['file_name'].tolist(),
            image_ids=found.image_ids,
            image_wh=np.zeros((len(found.image_ids), 2)),
            image_index=found.image_id[keep],
            bbox_xywh=found.bbox_xywh[keep],
            keypoints=np.where(is_labelled[..., None], found.keypoints, 0)[keep],
            keypoints_visible=2 * is_labelled[keep],
            ann_ids=found.ann_id[keep],
            extras={name: array[keep].astype(np.float32) for name, array in extras.items()},
        )

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


def with_head_sizes(truth: KeypointGroundTruth, mat_file: Path) -> KeypointGroundTruth:
    """Adds the head sizes of ``mpii_gt_val.mat``, if that is of the same persons.

    Args:
        truth: Persons of an annotation file; ``ann_id`` is the row in it.
        mat_file: The official file, in its folder.

    Returns:
        The same ground truth with ``head_size`` among its extras; unchanged if the official file
        is of another set, or cannot be read because scipy is missing (PCKh, which cannot do
        without, says so).

    Raises:
        ValueError: If the official file is damaged, or has as many persons but not these.
    """
    try:
        from scipy.io import whosmat
    except ImportError:
        return truth
    try:
        shapes = {name: shape for name, shape, _ in whosmat(str(mat_file))}
    except (ValueError, TypeError, OSError, NotImplementedError, EOFError) as error:
        raise ValueError(f'{mat_file} is not a readable MATLAB file: {error}') from error
    if shapes.get('headboxes_src', (0,))[-1] != truth.ann_id.max() + 1:
        return truth
    official = with_official_mat(truth, mat_file)
    both = truth.keypoints_visible & official.keypoints_visible
    distance = np.linalg.norm(truth.keypoints - official.keypoints, axis=-1)[both]
    if len(distance) and np.median(distance) > MAX_MEDIAN_DISTANCE:
        raise ValueError(
            f'{truth.source} and {mat_file} hold as many persons, but not the same: their joints '
            f'are {np.median(distance):.0f} px apart in the median; give files of one set'
        )
    sizes = official.extras[HEAD_SIZE]
    check_head_sizes(sizes, f"{mat_file}: 'headboxes_src'")
    return replace(truth, extras={**truth.extras, HEAD_SIZE: sizes})
