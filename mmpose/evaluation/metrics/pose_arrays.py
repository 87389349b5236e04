"""PoseArrays: many PoseResults as packed arrays, small to keep and quick to send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mmpose.evaluation.functional import KeypointDetections
from mmpose.structures import PoseResult


@dataclass(frozen=True, eq=False)
class PoseArrays:
    """N poses of K keypoints; the fields are those of ``PoseResult``.

    Attributes:
        img_id: (N,), int64 or str.
        ann_id: (N,).
        category_id: (N,).
        dataset_idx: (N,).
        keypoints: (N, K, 2), img px.
        keypoint_scores: (N, K).
        bbox_xywh: (N, 4), img px.
        bbox_score: (N,).
        area: (N,), px^2 of the padded crop window.
    """

    img_id: np.ndarray
    ann_id: np.ndarray
    category_id: np.ndarray
    dataset_idx: np.ndarray
    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    bbox_xywh: np.ndarray
    bbox_score: np.ndarray
    area: np.ndarray

    def __len__(self) -> int:
        return len(self.img_id)

    def detections(self, scores: np.ndarray, with_ann_id: bool = False) -> KeypointDetections:
        """KeypointDetections, as ``functional`` takes them.

        Args:
            scores: (N,). Scores of the poses.
            with_ann_id: Whether the poses name the annotation of their box.

        Returns:
            All poses in the same order.
        """
        return KeypointDetections(
            image_id=self.img_id,
            category_id=self.category_id,
            keypoints=self.keypoints.astype(np.float64),
            keypoint_scores=self.keypoint_scores.astype(np.float64),
            scores=scores,
            source='poses of the model',
            extras={'ann_id': self.ann_id} if with_ann_id else {},
        )

    def mean_scores(self, above: float) -> np.ndarray:
        """Mean of the keypoint scores above a threshold: (N,); 0 where there is none."""
        is_confident = self.keypoint_scores > above  # (N, K)
        total = np.where(is_confident, self.keypoint_scores, 0).sum(axis=1, dtype=np.float64)
        return total / np.maximum(is_confident.sum(axis=1), 1)


def pack_results(results: Sequence[PoseResult]) -> PoseArrays:
    """Packed arrays of PoseResults.

    Args:
        results: At least one pose, all with the same number of keypoints.

    Returns:
        The poses in the given order.
    """
    return PoseArrays(
        **{
            field.name: np.asarray([getattr(result, field.name) for result in results])
            for field in fields(PoseArrays)
        }
    )


def concatenate_poses(parts: Sequence[PoseArrays]) -> PoseArrays:
    """Concatenation of several parts, in order.

    Args:
        parts: At least one part.

    Returns:
        The poses of the first part, then of the second, ...

    Raises:
        ValueError: If the parts have different numbers of keypoints.
    """
    sizes = sorted({part.keypoints.shape[1] for part in parts})
    if len(sizes) > 1:
        raise ValueError(
            f'poses with {sizes} keypoints came together; expected one skeleton, use one metric '
            'per dataset'
        )
    return PoseArrays(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(PoseArrays)
        }
    )


def in_dataset_order(parts: Sequence[PoseArrays | None], first_place: int = 0) -> PoseArrays:
    """Poses of all ranks in the order of the dataset, as one rank would give them.

    The samplers deal the places of a dataset out to the ranks in turn. Where scores tie, the order
    decides.

    Args:
        parts: Of each rank, at least one of which has poses.
        first_place: Place of the first sample of this dataset in a mixture, whose places are dealt
            out together.
    """
    present = [part for part in parts if part is not None]
    places = [
        np.arange(len(part)) * len(parts) + (rank - first_place) % len(parts)
        for rank, part in enumerate(parts)
        if part is not None
    ]
    order = np.argsort(np.concatenate(places), kind='stable')
    return PoseArrays(**{k: v[order] for k, v in vars(concatenate_poses(present)).items()})


def check_each_sample_once(poses: PoseArrays, size: int) -> None:
    """Raises unless each sample of the dataset was evaluated exactly once.

    Args:
        poses: The poses of all ranks.
        size: Number of samples of the dataset.

    Raises:
        ValueError: If a sample came twice or the number is not ``size``.
    """
    keys = zip(
        poses.dataset_idx.tolist(), poses.img_id.tolist(), poses.ann_id.tolist(), strict=True
    )
    key, count = Counter(keys).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f'sample dataset_idx={key[0]}, img_id={key[1]}, ann_id={key[2]} was evaluated '
            f'{count} times, expected once; the sampler must not pad (round_up=False) and '
            'annotation ids must be unique'
        )
    check_number_of_samples(len(poses), size)


def check_number_of_samples(num: int, size: int) -> None:
    """Raises unless as many samples were evaluated as the dataset has.

    Args:
        num: Poses of all ranks together.
        size: Number of samples of the dataset.

    Raises:
        ValueError: If they differ or there is nothing to evaluate.
    """
    if num != size or num == 0:
        raise ValueError(
            f'{num} poses came for a dataset of {size} samples; expected one per sample, so look '
            'at the sampler and at drop_last of the loader'
        )


def result_path(outfile_prefix: str | Path) -> Path:
    """Result file of a metric: ``{outfile_prefix}_keypoints.json``."""
    prefix = Path(outfile_prefix)
    return prefix.with_name(f'{prefix.name}_keypoints.json')
