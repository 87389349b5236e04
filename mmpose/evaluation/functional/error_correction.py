"""Corrected AP: what a result would have without its errors of a kind.

A corrected keypoint moves to its annotated place, so a gain is what a perfect remedy for the kind
would bring. The progressive correction takes the classes in the order of Ronchi and Perona
(ICCV 2017): localization, scoring, background.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mmpose.coco.keypoint_arrays import (
    BoolArray,
    FloatArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.coco_ap import evaluate_coco
from mmpose.evaluation.functional.error_kinds import (
    EXPLAINED_OKS,
    KEYPOINT_KINDS,
    PoseErrors,
    counted,
    match_for_errors,
    oks_pairs,
)

CORRECTIONS = ('miss', 'swap', 'inversion', 'jitter', 'score', 'false_positive', 'false_negative')


@dataclass(frozen=True)
class CorrectedAP:
    """AP after corrections.

    Attributes:
        metrics: The ten COCO metrics of the result as it is.
        alone: AP when only this kind is corrected.
        progressive: AP when this kind and those before it in ``CORRECTIONS`` are corrected.
    """

    metrics: dict[str, float]
    alone: dict[str, float]
    progressive: dict[str, float]


def measure_corrections(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    errors: PoseErrors,
    sigmas: npt.NDArray[np.floating],
) -> CorrectedAP:
    """AP before and after each correction, one by one and one after the other.

    Args:
        gt: Ground truth with the object area in ``area``.
        dt: Detections, no more per image and category than the evaluation keeps.
        sigmas: (K,). OKS constants of the skeleton.

    Returns:
        AP in [0, 1]; -1 where nothing is annotated.
    """
    # the cut to the best detections is done; added instances must not fall to it
    limit = max(len(dt.scores) + len(gt.ann_id), 1)

    def average_precision(kinds: Collection[str]) -> float:
        corrected = correct_detections(gt, dt, errors, sigmas, kinds)
        return evaluate_coco(gt, corrected, sigmas, max_detections=limit).summary()['AP']

    return CorrectedAP(
        metrics=evaluate_coco(gt, dt, sigmas).summary(),
        alone={kind: average_precision([kind]) for kind in CORRECTIONS},
        progressive={
            kind: average_precision(CORRECTIONS[: i + 1]) for i, kind in enumerate(CORRECTIONS)
        },
    )


def correct_detections(
    gt: KeypointGroundTruth,
    dt: KeypointDetections,
    errors: PoseErrors,
    sigmas: npt.NDArray[np.floating],
    kinds: Collection[str],
) -> KeypointDetections:
    """The detections without the errors of these kinds.

    Keypoints of a wrong kind move to their annotated places. A score becomes the optimal one, the
    highest OKS with any annotation (section 3.2 of the paper) that counts. Detections without a
    matched annotation are omitted as false positives; those on instances or regions that do not
    count go too, as they cost precision at the thresholds that their OKS does not reach. Instances
    who were not found are added with the median score of those who were.

    Args:
        gt: Ground truth with the object area in ``area``.
        sigmas: (K,). OKS constants of the skeleton.
        kinds: Any of ``CORRECTIONS``.

    Raises:
        ValueError: If a kind is unknown.
    """
    unknown = sorted(set(kinds) - set(CORRECTIONS))
    if unknown:
        raise ValueError(
            f'{unknown[0]} is not a kind of error; expected one of {", ".join(CORRECTIONS)}'
        )
    wrong = [KEYPOINT_KINDS.index(kind) for kind in kinds if kind in KEYPOINT_KINDS]
    keypoints = dt.keypoints.copy()
    row, joint = np.nonzero(np.isin(errors.kinds, wrong))  # of matched rows only
    keypoints[row, joint] = gt.keypoints[errors.matched[row], joint]
    result = replace(dt, keypoints=keypoints)
    if 'score' in kinds:
        result = replace(result, scores=_optimal_scores(gt, result, sigmas))
    if not {'false_positive', 'false_negative'} & set(kinds):
        return result
    # with better scores another detection of an instance may be the matched one
    is_matched, is_missed = _match_again(gt, result, sigmas)
    found = result.scores[is_matched]
    if 'false_positive' in kinds:
        result = result.take(np.flatnonzero(is_matched))
    if 'false_negative' in kinds:
        score = float(np.median(found)) if len(found) else 1.0
        result = _joined(result, _perfect_detections(gt, is_missed, score))
    return result


def _match_again(
    gt: KeypointGroundTruth, dt: KeypointDetections, sigmas: npt.NDArray[np.floating]
) -> tuple[BoolArray, BoolArray]:
    """Which detections have an annotation that counts (D,), and which such have none (G,)."""
    pairs = oks_pairs(gt, dt, sigmas, EXPLAINED_OKS)
    is_missed = counted(gt)
    claimed = match_for_errors(pairs, dt.scores, is_missed, gt.iscrowd)
    is_matched = np.isin(claimed, np.flatnonzero(is_missed))
    is_missed[claimed[is_matched]] = False
    return is_matched, is_missed


def _optimal_scores(
    gt: KeypointGroundTruth, dt: KeypointDetections, sigmas: npt.NDArray[np.floating]
) -> FloatArray:
    # anywhere near an unlabelled instance OKS is high, which says nothing about the pose
    smallest = float(np.finfo(np.float64).tiny)
    pairs = oks_pairs(gt.take(np.flatnonzero(counted(gt))), dt, sigmas, min_oks=smallest)
    scores = np.zeros(len(dt.scores))
    np.maximum.at(scores, pairs.detection, pairs.oks)
    return scores


def _perfect_detections(
    gt: KeypointGroundTruth, is_missed: BoolArray, score: float
) -> KeypointDetections:
    """The missed instances as annotated, keypoints without a label in the middle of the box."""
    rows = np.flatnonzero(is_missed)
    middle = gt.bbox_xywh[rows, :2] + gt.bbox_xywh[rows, 2:] / 2
    keypoints_visible = gt.keypoints_visible[rows]
    return KeypointDetections(
        image_id=gt.image_id[rows],
        category_id=gt.category_id[rows],
        keypoints=np.where(keypoints_visible[..., None], gt.keypoints[rows], middle[:, None]),
        keypoint_scores=keypoints_visible.astype(np.float64),
        scores=np.full(len(rows), score),
    )


def _joined(first: KeypointDetections, second: KeypointDetections) -> KeypointDetections:
    if not len(first.scores):  # an empty result file does not know the type of the ids
        return replace(second, source=first.source)
    names = ('image_id', 'category_id', 'keypoints', 'keypoint_scores', 'scores')
    columns: dict[str, Any] = {
        x: np.concatenate([getattr(first, x), getattr(second, x)]) for x in names
    }
    return KeypointDetections(**columns, source=first.source)
