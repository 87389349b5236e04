"""Average precision and recall of keypoint detections as COCO defines them.

https://cocodataset.org/#keypoints-eval: OKS takes the place of the box IoU, thresholds .50:.05:.95,
101 recall points, at most 20 detections per image and category, categories averaged. The figures
equal those of xtcocotools and faster-coco-eval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmpose.evaluation.functional.coco_matching import (
    Matches,
    find_candidates,
    match_detections,
)
from mmpose.evaluation.functional.keypoint_arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
    check_detections_fit,
)
from mmpose.evaluation.functional.oks import joint_variances
from mmpose.evaluation.functional.ragged import rank_in_group

OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_POINTS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 20
BOX_TO_OBJECT_AREA = 0.53  # share of a box that a person covers, for data without masks
# object area in px^2, both ends included; keypoints have no small range
AREA_RANGES = {'all': (0.0, 1e10), 'medium': (32.0**2, 96.0**2), 'large': (96.0**2, 1e10)}

STATISTICS: dict[str, tuple[str, str, float | None]] = {
    'AP': ('precision', 'all', None),
    'AP .5': ('precision', 'all', 0.5),
    'AP .75': ('precision', 'all', 0.75),
    'AP (M)': ('precision', 'medium', None),
    'AP (L)': ('precision', 'large', None),
    'AR': ('recall', 'all', None),
    'AR .5': ('recall', 'all', 0.5),
    'AR .75': ('recall', 'all', 0.75),
    'AR (M)': ('recall', 'medium', None),
    'AR (L)': ('recall', 'large', None),
}


@dataclass(frozen=True)
class CocoScores:
    """Precision and recall of C categories in A area ranges at T thresholds.

    Attributes:
        category_ids: (C,).
        precision: (C, A, T, R). Interpolated precision at the recall points; -1 where the
            category has no annotation in the range.
        recall: (C, A, T). Highest recall; -1 as above.
    """

    category_ids: IntArray
    precision: FloatArray
    recall: FloatArray

    def summary(self, category_id: int | None = None) -> dict[str, float]:
        """The ten COCO figures, averaged over categories or of one category.

        Args:
            category_id: The category; all of them if None.

        Returns:
            ``AP``, ``AP .5``, ..., ``AR (L)`` in [0, 1]; -1 where nothing is annotated.
        """
        rows = np.ones(len(self.category_ids), dtype=np.bool_)
        if category_id is not None:
            rows = self.category_ids == category_id
        ranges = list(AREA_RANGES)
        figures = {}
        for name, (table, area_range, threshold) in STATISTICS.items():
            values = getattr(self, table)[rows, ranges.index(area_range)]
            if threshold is not None:
                values = values[:, np.isclose(OKS_THRESHOLDS, threshold)]
            values = values[values > -1]
            figures[name] = float(values.mean()) if values.size else -1.0
        return figures


def evaluate_coco(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    use_area: bool = True,
    max_detections: int = MAX_DETECTIONS,
) -> CocoScores:
    """Precision and recall of detections against ground truth.

    Args:
        gt: Ground truth.
        dt: Detections; of equal scores the earlier one ranks first.
        sigmas: (K,). OKS constants of the skeleton.
        use_area: Whether ``gt.area`` is the object area; else 0.53 of the box is.
        max_detections: Best detections kept per image and category.

    Returns:
        Tables of precision and recall.

    Raises:
        ValueError: If the parts do not fit together or an area is needed and missing.
    """
    if len(sigmas) != gt.num_joints:
        raise ValueError(
            f'{gt.source}: instances have {gt.num_joints} keypoints but {len(sigmas)} sigmas came; '
            'evaluate with the skeleton of the annotations'
        )
    check_detections_fit(gt, dt)
    category_ids = np.unique(gt.category_ids)
    gt_group = _groups(gt, gt, category_ids)
    gt_order = np.argsort(gt_group, kind='stable')
    gt, gt_group = gt.take(gt_order), gt_group[gt_order]
    dt_group = _groups(dt, gt, category_ids)
    dt_order = np.lexsort((-dt.scores, dt_group))
    dt_order = dt_order[rank_in_group(dt_group[dt_order]) < max_detections]
    dt, dt_group = dt.take(dt_order), dt_group[dt_order]

    gt_area = _object_areas(gt, use_area)
    pairs = find_candidates(
        gt, gt_group, gt_area, dt, dt_group, joint_variances(sigmas), float(OKS_THRESHOLDS.min())
    )
    gt_ignored = _outside_ranges(gt_area) | (gt.num_keypoints == 0) | gt.iscrowd  # (A, G)
    dt_outside = _outside_ranges(_extents(dt.keypoints))
    dt_rank = rank_in_group(dt_group)
    matches = match_detections(pairs, dt_rank, dt_outside, gt_ignored, gt.iscrowd, OKS_THRESHOLDS)
    return _accumulate(category_ids, matches, dt, gt, gt_ignored)


def format_scores(figures: dict[str, float]) -> str:
    """A table of two aligned columns, one line per figure."""
    width = max(len(name) for name in figures)
    return '\n'.join(f'{name:<{width}}  {value:8.4f}' for name, value in figures.items())


def _object_areas(gt: KeypointGroundTruth, use_area: bool) -> FloatArray:
    if not use_area:
        return np.asarray(gt.bbox_xywh[:, 2] * gt.bbox_xywh[:, 3] * BOX_TO_OBJECT_AREA)
    missing = np.flatnonzero(~np.isfinite(gt.area))
    if len(missing):
        raise ValueError(
            f"{gt.source}: annotation {gt.ann_id[missing[0]]} has no finite 'area'; add it or "
            'evaluate with use_area=False'
        )
    return gt.area


def _groups(
    arrays: KeypointGroundTruth | KeypointDetections,
    gt: KeypointGroundTruth,
    category_ids: IntArray,
) -> IntArray:
    """Number of the (image, category) of each row, images in ascending order of their ids."""
    image = np.searchsorted(np.unique(gt.image_ids), arrays.image_id)
    category = np.searchsorted(category_ids, arrays.category_id)
    return np.asarray(image * len(category_ids) + category, dtype=np.int64)


def _outside_ranges(area: FloatArray) -> BoolArray:
    """(N,) -> (A, N)."""
    return np.stack([(area < low) | (area > high) for low, high in AREA_RANGES.values()])


def _extents(keypoints: FloatArray) -> FloatArray:
    """Area of the box around all joints of a pose: (D, K, 2) -> (D,)."""
    x, y = keypoints[..., 0], keypoints[..., 1]
    return np.asarray((x.max(axis=1) - x.min(axis=1)) * (y.max(axis=1) - y.min(axis=1)))


def _accumulate(
    category_ids: IntArray,
    matches: Matches,
    dt: KeypointDetections,
    gt: KeypointGroundTruth,
    gt_ignored: BoolArray,
) -> CocoScores:
    shape = (len(category_ids), len(AREA_RANGES), len(OKS_THRESHOLDS))
    precision = np.full((*shape, len(RECALL_POINTS)), -1.0)
    recall = np.full(shape, -1.0)
    for c, category_id in enumerate(category_ids):
        rows = np.flatnonzero(dt.category_id == category_id)
        rows = rows[np.argsort(-dt.scores[rows], kind='stable')]
        num_annotations = (~gt_ignored[:, gt.category_id == category_id]).sum(axis=1)  # (A,)
        for a in np.flatnonzero(num_annotations):
            is_true = matches.is_true[a][:, rows]  # (T, d)
            num_counted = np.cumsum(~matches.is_ignored[a][:, rows], axis=1)
            for t, hits in enumerate(map(np.flatnonzero, is_true)):
                curve = _precision_at_recalls(num_counted[t, hits], num_annotations[a])
                precision[c, a, t] = curve
                recall[c, a, t] = len(hits) / num_annotations[a]
    return CocoScores(category_ids, precision, recall)


def _precision_at_recalls(num_counted: IntArray, num_annotations: int) -> FloatArray:
    """Highest precision at each recall point or beyond it; 0 beyond the highest recall.

    Args:
        num_counted: (H,). Detections that count up to and with each of the H true positives.
        num_annotations: Annotations that count.

    Returns:
        (R,).
    """
    num_true = np.arange(1, len(num_counted) + 1)
    envelope = np.maximum.accumulate((num_true / num_counted)[::-1])[::-1]
    first = np.searchsorted(num_true / num_annotations, RECALL_POINTS, side='left')
    return np.append(envelope, 0.0)[first]
