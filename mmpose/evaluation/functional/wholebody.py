"""COCO-WholeBody AP and AR: body, foot, face, hands and the whole of 133 keypoints.

Jin et al., ECCV 2020 (https://github.com/jin-s13/COCO-WholeBody). Each part is evaluated as COCO,
on its own keypoints with their own sigmas, and with the area of the whole instance. As xtcocotools
does it, an annotation counts for a part if a keypoint of the part is labelled: neither the stated
``num_keypoints`` nor ``foot_valid``, ``face_valid``, ``lefthand_valid`` and ``righthand_valid`` are
read, and the size of a detection is that of the box around its 17 body keypoints for every part.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import KeypointDetections, KeypointGroundTruth
from mmpose.evaluation.functional.coco_ap import extents, match_poses

# fields of annotation and result files that hold the keypoints, in order, with the number of each
WHOLEBODY_FIELDS = {
    'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 68, 'lefthand_kpts': 21, 'righthand_kpts': 21,
}  # fmt: skip


WHOLE = 'whole'
# keypoints of each part, and the field of a result that ranks it if it is there
PARTS = {
    'body': (slice(0, 17), 'score'), 'foot': (slice(17, 23), 'foot_score'),
    'face': (slice(23, 91), 'face_score'), 'left hand': (slice(91, 112), 'lefthand_score'),
    'right hand': (slice(112, 133), 'righthand_score'), WHOLE: (slice(0, 133), 'wholebody_score'),
}  # fmt: skip
PART_SCORES = tuple(name for _, name in PARTS.values() if name != 'score')
NUM_BODY, NUM_WHOLEBODY = 17, 133


def evaluate_wholebody(
    gt: KeypointGroundTruth, dt: KeypointDetections, sigmas: npt.NDArray[np.floating]
) -> dict[str, float]:
    """The ten COCO metrics of each part and of the whole.

    Args:
        gt: Ground truth of 133 keypoints.
        dt: Detections of 133 keypoints; scores of parts may be among ``extras``.
        sigmas: (133,). OKS constants.

    Returns:
        ``body AP``, ``body AP .5``, ..., ``body AR (L)``, and so on for ``foot``, ``face``,
        ``left hand`` and ``right hand``; then ``AP``, ..., ``AR (L)`` of the whole, whose ``AP``
        papers report: 60 values in [0, 1]; -1 where nothing is annotated.

    Raises:
        ValueError: If the poses do not have 133 keypoints or the parts do not fit together.
    """
    for num, source in ((gt.num_keypoints, gt.source), (dt.num_keypoints, dt.source)):
        if num != NUM_WHOLEBODY:
            raise ValueError(
                f'{source}: poses have {num} keypoints; COCO-WholeBody has {NUM_WHOLEBODY}'
            )
    body_extents = extents(dt.keypoints[:, :NUM_BODY])
    metrics = {}
    for name, (part, score_name) in PARTS.items():
        keypoints_visible = gt.keypoints_visible[:, part]
        part_gt = replace(
            gt,
            keypoints=gt.keypoints[:, part],
            keypoints_visible=keypoints_visible,
            num_labelled=keypoints_visible.sum(axis=1),
        )
        part_dt = replace(
            dt,
            keypoints=dt.keypoints[:, part],
            keypoint_scores=dt.keypoint_scores[:, part],
            scores=np.asarray(dt.extras.get(score_name, dt.scores), dtype=np.float64),
        )
        matched = match_poses(part_gt, part_dt, sigmas[part], dt_extents=body_extents)
        summary = matched.scores().summary()
        start = '' if name == WHOLE else f'{name} '
        metrics.update({f'{start}{metric}': value for metric, value in summary.items()})
    return metrics
