"""Keypoint metrics on ground-truth boxes: PCK, PCKh of MPII, AUC, EPE and NME."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mmpose.evaluation.functional import (
    BBOX,
    HEAD_SIZE,
    DistanceMetric,
    KeypointGroundTruth,
    Norm,
    evaluate_mpii,
    find_instances,
    load_instances,
    mpii_ground_truth,
    nme_keypoints,
    write_detections,
    write_pred_mat,
)
from mmpose.evaluation.functional.keypoint_errors import stated_lengths
from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.evaluation.metrics.pose_arrays import PoseColumns, result_path, to_detections
from mmpose.registry import METRICS

# name of the metric and, for lengths that the ground truth states, of the length
PCK_NORMS = {'bbox': ('PCK', BBOX), 'head': ('PCKh', HEAD_SIZE), 'torso': ('tPCK', None)}
NORM_MODES = ('use_norm_item', 'keypoint_distance')
BBOX_SIZE = 'bbox_size'  # the norm_item that is the longer side of the box
PRED_FILE = 'pred.mat'
Keypoint = int | str


class InstanceMetric(GatheredMetric):
    """Base class of the metrics that compare each pose with the annotation of its own box.

    It pairs poses with ground truth by ``ann_id``, writes the result file, and evaluates.

    Args:
        ann_file: COCO annotations; the ground truth of the dataset if None.
        outfile_prefix: Path of the result file without ``_keypoints.json``; None writes nothing.
        prefix: First part of the metric names.
    """

    needs_gt_boxes = True
    writes_results = True

    def __init__(
        self,
        ann_file: str | None = None,
        outfile_prefix: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.ann_file = ann_file
        self.outfile_prefix = outfile_prefix

    def compute_metrics(self, results: PoseColumns) -> dict[str, float]:
        """Writes and evaluates the poses.

        Args:
            results: One pose per annotation; detected boxes have no annotation to compare with.
        """
        if self.outfile_prefix is not None:
            self.write(results, result_path(self.outfile_prefix))
        gt = self.ground_truth()
        rows = find_instances(gt, results['ann_id'], results['img_id'], type(self).__name__)
        num = results['keypoints'].shape[1]
        if num != gt.num_keypoints:
            raise ValueError(
                f'{type(self).__name__}: poses have {num} keypoints but {gt.source} has '
                f'{gt.num_keypoints}; evaluate a model of this skeleton'
            )
        return self.evaluate_keypoints(results['keypoints'].astype(np.float64), gt.take(rows))

    @abstractmethod
    def evaluate_keypoints(
        self, keypoints: np.ndarray, gt: KeypointGroundTruth
    ) -> dict[str, float]:
        """Metrics of poses.

        Args:
            keypoints: (N, K, 2), img px.
        """

    def ground_truth(self) -> KeypointGroundTruth:
        """All annotated instances."""
        if self.ann_file is None:
            return self._from_dataset('ground_truth')()
        num = self._skeleton().num_keypoints
        return load_instances(self.ann_file, num, self.extras(), self._layout())

    def extras(self) -> tuple[str, ...]:
        """Fields of the annotations in ``ann_file`` that the metrics need."""
        return ()

    def write(self, poses: PoseColumns, path: Path) -> None:
        """Writes the result file: COCO results with ``ann_id``."""
        detections = to_detections(poses, poses['bbox_score'].astype(np.float64), with_ann_id=True)
        write_detections(path, detections)


class KeypointDistanceMetric(InstanceMetric):
    """Base class of the metrics over normalised distances, ``DistanceMetric`` of functional."""

    @abstractmethod
    def distance_metrics(self) -> list[DistanceMetric]:
        """What is measured; the skeleton of the dataset is known when this is called."""

    def evaluate_keypoints(
        self, keypoints: np.ndarray, gt: KeypointGroundTruth
    ) -> dict[str, float]:
        return {one.name: one.evaluate(keypoints, gt) for one in self.distance_metrics()}

    def extras(self) -> tuple[str, ...]:
        return stated_lengths(self.distance_metrics())

    def _keypoint_pair(self, keypoints: Sequence[Keypoint]) -> tuple[int, int]:
        names = self._skeleton().keypoint_names
        numbers = []
        for keypoint in keypoints:
            if isinstance(keypoint, str) and keypoint not in names:
                raise ValueError(
                    f"{type(self).__name__} names the keypoint '{keypoint}', which skeleton "
                    f"'{self._skeleton().name}' does not have; it has {list(names)}"
                )
            numbers.append(names.index(keypoint) if isinstance(keypoint, str) else keypoint)
        return numbers[0], numbers[1]


@METRICS.register_module()
class PCKAccuracy(KeypointDistanceMetric):
    """PCK, the percentage of correct keypoints, as a share: the mean over the keypoints.

    Metrics: ``PCK`` by the box, ``PCKh`` by the head, ``tPCK`` by the torso; -1 if no keypoint is
    labelled.

    Args:
        thr: A keypoint is correct below this distance, in units of the norm. Published results
            take 0.2 of the box or torso and, outside MPII, 0.7 of the head.
        norm_item: One or several of ``bbox``, the longer side of the box; ``head``, the
            ``head_size`` of the ground truth; ``torso``, the distance between the
            ``torso_keypoints``.
        torso_keypoints: Names or numbers of two keypoints.
        **kwargs: Arguments of ``InstanceMetric``.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {'PCKh': 1, 'PCK': 3, 'tPCK': 4}
    aliases = ('PCK',)

    def __init__(
        self,
        thr: float = 0.05,
        norm_item: str | Sequence[str] = 'bbox',
        torso_keypoints: Sequence[Keypoint] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        items = [norm_item] if isinstance(norm_item, str) else list(norm_item)
        for item in items:
            if item not in PCK_NORMS:
                raise ValueError(
                    f"norm_item of PCKAccuracy is '{item}'; expected one of {', '.join(PCK_NORMS)}"
                )
        if ('torso' in items) != (torso_keypoints is not None):
            raise ValueError(
                f'PCKAccuracy has norm_item={norm_item!r} and torso_keypoints={torso_keypoints}; '
                'the torso needs two keypoints, and only the torso'
            )
        if torso_keypoints is not None:
            _check_pair('torso_keypoints of PCKAccuracy', torso_keypoints)
        self.thr = thr
        self.norm_items = items
        self.torso_keypoints = torso_keypoints

    def distance_metrics(self) -> list[DistanceMetric]:
        chosen = []
        for name, norm in (PCK_NORMS[item] for item in self.norm_items):
            length = norm or self._keypoint_pair(self.torso_keypoints or ())
            chosen.append(DistanceMetric(name, 'pck', length, self.thr))
        return chosen


@METRICS.register_module()
class MpiiPCKAccuracy(InstanceMetric):
    """PCKh of MPII: keypoints within half a head size, per group and overall, in percent.

    Metrics: ``Head PCK``, ``Shoulder PCK``, ``Elbow PCK``, ``Wrist PCK``, ``Hip PCK``,
    ``Knee PCK``, ``Ankle PCK``, ``PCK`` and ``PCK@0.1``. With ``outfile_prefix``, ``pred.mat`` for
    the official tool is written beside the result file if scipy is installed.

    Args:
        thr: Largest distance of a correct keypoint, in head sizes.
        gt_mat: The official ``mpii_gt_val.mat``. If None, the one beside the annotation file; or,
            if there is none or it is of another split, the head sizes of the dataset.
        **kwargs: Arguments of ``InstanceMetric`` but ``ann_file``.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {'PCK': 3}
    aliases = ('PCKh',)

    def __init__(self, thr: float = 0.5, gt_mat: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.thr = thr
        self.gt_mat = gt_mat

    def ground_truth(self) -> KeypointGroundTruth:
        return mpii_ground_truth(
            super().ground_truth(), self.gt_mat, str(self._from_dataset('ann_file'))
        )

    def evaluate_keypoints(
        self, keypoints: np.ndarray, gt: KeypointGroundTruth
    ) -> dict[str, float]:
        return evaluate_mpii(keypoints, gt, self.thr)

    def write(self, poses: PoseColumns, path: Path) -> None:
        super().write(poses, path)
        if find_spec('scipy') is not None:
            detections = to_detections(poses, poses['bbox_score'], with_ann_id=True)
            write_pred_mat(path.with_name(PRED_FILE), detections)


@METRICS.register_module()
class AUC(KeypointDistanceMetric):
    """AUC, the area under the curve of PCK over thresholds; at most 0.95 with 20 thresholds.

    Args:
        norm_factor: px that count as 1.
        num_thrs: n thresholds 0, 1/n, ..., (n - 1)/n.
        **kwargs: Arguments of ``InstanceMetric``.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {'AUC': 2}

    def __init__(self, norm_factor: float = 30, num_thrs: int = 20, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if norm_factor <= 0 or num_thrs < 1:
            raise ValueError(
                f'AUC has norm_factor={norm_factor} and num_thrs={num_thrs}; expected both above 0'
            )
        self.norm_factor = norm_factor
        self.num_thrs = num_thrs

    def distance_metrics(self) -> list[DistanceMetric]:
        return [DistanceMetric('AUC', 'auc', float(self.norm_factor), num_thrs=self.num_thrs)]


@METRICS.register_module()
class EPE(KeypointDistanceMetric):
    """EPE, the end-point error: mean distance over all labelled keypoints, px.

    The arguments are those of ``InstanceMetric``.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {'EPE': 6}
    greater_is_better = False

    def distance_metrics(self) -> list[DistanceMetric]:
        return [DistanceMetric('EPE', 'mean', 1.0)]


@METRICS.register_module()
class NME(KeypointDistanceMetric):
    """NME, the normalised mean error: mean distance in units of a length of the instance.

    Args:
        norm_mode: ``keypoint_distance`` takes the annotated distance of two keypoints, such as the
            outer corners of the eyes, and omits instances without both; ``use_norm_item`` the
            length ``norm_item``.
        norm_item: ``bbox_size`` for the longer side of the box, or the name of an extra of the
            ground truth, such as ``box_size`` of AFLW.
        keypoint_indices: Names or numbers of the two keypoints; those of the published results of
            the skeleton if None.
        **kwargs: Arguments of ``InstanceMetric``.
    """

    primary_metrics: ClassVar[Mapping[str, int]] = {'NME': 5}
    greater_is_better = False

    def __init__(
        self,
        norm_mode: str,
        norm_item: str | None = None,
        keypoint_indices: Sequence[Keypoint] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if norm_mode not in NORM_MODES:
            raise ValueError(
                f"norm_mode of NME is '{norm_mode}'; expected one of {', '.join(NORM_MODES)}"
            )
        is_item = norm_mode == 'use_norm_item'
        if is_item != (norm_item is not None) or (is_item and keypoint_indices is not None):
            raise ValueError(
                f"NME has norm_mode='{norm_mode}', norm_item={norm_item} and "
                f'keypoint_indices={keypoint_indices}; norm_item is for use_norm_item, '
                'keypoint_indices for keypoint_distance'
            )
        if keypoint_indices is not None:
            _check_pair('keypoint_indices of NME', keypoint_indices)
        self.norm_item = norm_item
        self.keypoint_indices = keypoint_indices

    def distance_metrics(self) -> list[DistanceMetric]:
        norm: Norm
        if self.norm_item is not None:
            norm = BBOX if self.norm_item == BBOX_SIZE else self.norm_item
        elif self.keypoint_indices is not None:
            norm = self._keypoint_pair(self.keypoint_indices)
        else:
            norm = nme_keypoints(self._skeleton().name)
        return [DistanceMetric('NME', 'mean', norm)]


def _check_pair(name: str, keypoints: Sequence[Keypoint]) -> None:
    if isinstance(keypoints, str) or len(keypoints) != 2:
        raise ValueError(f'{name} is {keypoints!r}; expected two keypoints, by name or number')
