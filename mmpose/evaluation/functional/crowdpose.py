"""The metrics of CrowdPose: average precision by how crowded an image is.

Li et al., CVPR 2019 (https://github.com/Jeff-sjtu/CrowdPose): the evaluation of COCO with 0.53 of
the box as the object area and without area ranges; AP also on the images of three ranges of
``crowdIndex``, which the annotation file states per image.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import FloatArray, KeypointDetections, KeypointGroundTruth
from mmpose.evaluation.functional.coco_ap import match_poses

CROWD_INDEX = 'crowdIndex'  # field of an image, from 0 (nobody overlaps) to 1
# crowd index from which an image is of the level on; the lower one ends there
LEVELS = {'AP(E)': -np.inf, 'AP(M)': 0.2, 'AP(H)': 0.8}
OF_ALL_IMAGES = ('AP', 'AP .5', 'AP .75', 'AR', 'AR .5', 'AR .75')


def evaluate_crowdpose(
    gt: KeypointGroundTruth, dt: KeypointDetections, sigmas: npt.NDArray[np.floating]
) -> dict[str, float]:
    """The nine metrics of CrowdPose.

    The published tool rounds AP(E), AP(M) and AP(H) to four decimals; here they are not rounded.

    Args:
        gt: Ground truth with ``crowdIndex`` among ``image_extras``.
        sigmas: (K,). OKS constants of the skeleton.

    Returns:
        ``AP``, ``AP .5``, ``AP .75``, ``AR``, ``AR .5``, ``AR .75``, ``AP(E)``, ``AP(M)`` and
        ``AP(H)`` in [0, 1]; -1 where nothing is annotated.

    Raises:
        ValueError: If the images have no crowd index, or the parts do not fit together.
    """
    index = _crowd_indices(gt)
    matched = match_poses(gt, dt, sigmas, use_area=False)
    summary = matched.scores().summary()
    metrics = {name: summary[name] for name in OF_ALL_IMAGES}
    level = np.searchsorted(list(LEVELS.values()), index, side='right') - 1
    for number, name in enumerate(LEVELS):
        scores = matched.scores(gt.image_ids[level == number])
        metrics[name] = scores.summary()['AP']
    return metrics


def _crowd_indices(gt: KeypointGroundTruth) -> FloatArray:
    if CROWD_INDEX not in gt.image_extras:
        raise ValueError(
            f"{gt.source}: the images have no '{CROWD_INDEX}', which sorts them into easy, medium "
            'and hard; use the annotation files of CrowdPose'
        )
    values = gt.image_extras[CROWD_INDEX]
    if values.dtype.kind not in 'iuf' or not np.isfinite(values).all():
        raise ValueError(
            f"{gt.source}: '{CROWD_INDEX}' of an image is not a finite number; use the annotation "
            'files of CrowdPose'
        )
    return values.astype(np.float64)
