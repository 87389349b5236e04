"""Average precision and recall of keypoint detections as COCO defines them.

https://cocodataset.org/#keypoints-eval: OKS takes the place of the box IoU, thresholds .50:.05:.95,
101 recall points, at most 20 detections per image and category, categories averaged. The metrics
equal those of xtcocotools and faster-coco-eval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import (
    BoolArray,
    FloatArray,
    IdArray,
    IntArray,
    KeypointDetections,
    KeypointGroundTruth,
    check_detections_fit,
)
from mmpose.evaluation.functional.coco_matching import (
    Matches,
    find_pairs,
    group_index,
    match_detections,
    pose_boxes,
)
from mmpose.evaluation.functional.oks import keypoint_variances
from mmpose.evaluation.functional.ragged import best_in_groups, descending, rank_in_group

OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_POINTS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 20
BOX_TO_OBJECT_AREA = 0.53  # share of a box that an instance covers, for data without masks
# object area in px^2, both ends included; keypoints have no small range
AREA_RANGES = {'all': (0.0, 1e10), 'medium': (32.0**2, 96.0**2), 'large': (96.0**2, 1e10)}

# table, area range and threshold (None for all) of each metric
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
        """Metrics averaged over categories or of one category.

        Args:
            category_id: The category; all of them if None.

        Returns:
            A value in [0, 1] for each name of ``STATISTICS``: ``AP``, ``AP .5``, ..., ``AR (L)``;
            -1 where nothing is annotated.
        """
        rows = np.ones(len(self.category_ids), dtype=np.bool_)
        if category_id is not None:
            rows = self.category_ids == category_id
        ranges = list(AREA_RANGES)
        metrics = {}
        for name, (table, area_range, threshold) in STATISTICS.items():
            values = getattr(self, table)[rows, ranges.index(area_range)]
            if threshold is not None:
                values = values[:, np.isclose(OKS_THRESHOLDS, threshold)]
            values = values[values > -1]
            metrics[name] = float(values.mean()) if values.size else -1.0
        return metrics


@dataclass(frozen=True)
class MatchedPoses:
    """Detections that were matched to annotations, of which any set of images can be scored.

    Attributes:
        gt: Ground truth in the order of the matching.
        dt: The detections that were kept, in the order of the matching; without keypoints.
        matches: Outcome for ``dt``.
        gt_ignored: (A, G). True where an annotation does not count in an area range.
    """

    gt: KeypointGroundTruth
    dt: KeypointDetections
    matches: Matches
    gt_ignored: BoolArray

    def scores(self, image_ids: IdArray | None = None) -> CocoScores:
        """Precision and recall on some images.

        The matching never looks beyond an image, so the result is that of annotation and result
        files which hold these images alone.

        Args:
            image_ids: The images; all of them if None.
        """
        if image_ids is None:
            return _accumulate(self)
        gt_rows = np.flatnonzero(np.isin(self.gt.image_id, image_ids))
        dt_rows = np.flatnonzero(np.isin(self.dt.image_id, image_ids))
        part = MatchedPoses(
            self.gt.take(gt_rows),
            self.dt.take(dt_rows),
            self.matches.take(dt_rows),
            self.gt_ignored[:, gt_rows],
        )
        return _accumulate(part)

    def by_category(self) -> Iterator[tuple[IntArray, BoolArray]]:
        """Yields the rows of each category's detections, best score first, and its annotations."""
        for category_id in np.unique(self.gt.category_ids):
            rows = np.flatnonzero(self.dt.category_id == category_id)
            is_member = self.gt.category_id == category_id
            yield rows[descending(self.dt.scores[rows])], is_member


def evaluate_coco(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    use_area: bool = True,
    max_detections: int = MAX_DETECTIONS,
) -> CocoScores:
    """Precision and recall of detections; arguments and errors as in ``match_poses``."""
    return match_poses(gt, dt, sigmas, use_area, max_detections).scores()


def match_poses(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    use_area: bool = True,
    max_detections: int = MAX_DETECTIONS,
    dt_extents: FloatArray | None = None,
) -> MatchedPoses:
    """Detections matched to ground truth.

    Args:
        dt: Detections; of equal scores the earlier one ranks first.
        sigmas: (K,). OKS constants of the skeleton.
        use_area: Whether ``gt.area`` is the object area; else 0.53 of the box is.
        max_detections: Best detections kept per image and category.
        dt_extents: (N,), px^2. Size of each detection, by which an unmatched one is omitted from
            an area range; None for the box around its keypoints.

    Raises:
        ValueError: If the parts do not fit together or an area is needed and missing.
    """
    if len(sigmas) != gt.num_keypoints:
        raise ValueError(
            f'{gt.source}: instances have {gt.num_keypoints} keypoints but {len(sigmas)} sigmas '
            'came; evaluate with the skeleton of the annotations'
        )
    check_detections_fit(gt, dt)
    group = group_index(gt, gt)
    order = np.argsort(group, kind='stable')
    gt, gt_group = gt.take(order), group[order]
    group = group_index(gt, dt)
    kept = best_in_groups(group, dt.scores, max_detections)
    dt_group, boxes = group[kept], np.take(pose_boxes(dt.keypoints), kept, axis=1)
    dt_extents = _box_areas(boxes) if dt_extents is None else dt_extents[kept]

    gt_area = _object_areas(gt, use_area)
    variances, min_oks = keypoint_variances(sigmas), float(OKS_THRESHOLDS.min())
    pairs = find_pairs(gt, gt_group, gt_area, dt, dt_group, boxes, variances, min_oks, kept)
    gt_ignored = _outside_ranges(gt_area) | (gt.num_labelled == 0) | gt.iscrowd  # (A, G)
    dt_rank, dt_outside = rank_in_group(dt_group), _outside_ranges(dt_extents)
    matches = match_detections(pairs, dt_rank, dt_outside, gt_ignored, gt.iscrowd, OKS_THRESHOLDS)
    none = {name: getattr(dt, name)[:, :0] for name in ('keypoints', 'keypoint_scores')}
    return MatchedPoses(gt, replace(dt, extras={}, **none).take(kept), matches, gt_ignored)


def extents(keypoints: FloatArray) -> FloatArray:
    """Area of the box around all keypoints of a pose: (N, K, 2) -> (N,)."""
    return _box_areas(pose_boxes(keypoints))


def _box_areas(boxes: FloatArray) -> FloatArray:
    low_x, low_y, high_x, high_y = boxes
    return np.asarray((high_x - low_x) * (high_y - low_y))


def format_scores(metrics: dict[str, float]) -> str:
    """A table of two aligned columns, one line per metric."""
    width = max(len(name) for name in metrics)
    return '\n'.join(f'{name:<{width}}  {value:8.4f}' for name, value in metrics.items())


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


def _outside_ranges(area: FloatArray) -> BoolArray:
    """(N,) -> (A, N)."""
    return np.stack([(area < low) | (area > high) for low, high in AREA_RANGES.values()])


def _accumulate(matched: MatchedPoses) -> CocoScores:
    category_ids = np.unique(matched.gt.category_ids)
    shape = (len(category_ids), len(AREA_RANGES), len(OKS_THRESHOLDS))
    precision = np.full((*shape, len(RECALL_POINTS)), -1.0)
    recall = np.full(shape, -1.0)
    for c, (rows, is_member) in enumerate(matched.by_category()):
        num_annotations = (~matched.gt_ignored[:, is_member]).sum(axis=1)  # (A,)
        for a in np.flatnonzero(num_annotations):
            for t in range(len(OKS_THRESHOLDS)):
                counted = rows.compress(~matched.matches.is_ignored[a, t][rows])
                hits = np.flatnonzero(matched.matches.is_true[a, t][counted])
                precision[c, a, t] = precision_at_recalls(hits + 1, num_annotations[a])
                recall[c, a, t] = len(hits) / num_annotations[a]
    return CocoScores(category_ids, precision, recall)


def mean_of_given(values: FloatArray, axis: int | tuple[int, ...]) -> FloatArray:
    """Mean over some axes of what is not NaN; NaN where nothing is given."""
    is_given = ~np.isnan(values)
    num = is_given.sum(axis=axis)
    total = np.where(is_given, values, 0).sum(axis=axis)
    return np.asarray(np.where(num > 0, total / np.maximum(num, 1), np.nan))


def precision_at_recalls(num_counted: IntArray, num_annotations: int) -> FloatArray:
    """Highest precision at each recall point or beyond it; 0 beyond the highest recall: (R,).

    Args:
        num_counted: (H,). Detections that count up to and with each of the H true positives.
        num_annotations: Annotations that count.
    """
    num_true = np.arange(1, len(num_counted) + 1)
    envelope = np.maximum.accumulate((num_true / num_counted)[::-1])[::-1]
    first = np.searchsorted(num_true / num_annotations, RECALL_POINTS, side='left')
    return np.append(envelope, 0.0)[first]
