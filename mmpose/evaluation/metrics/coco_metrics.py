"""OKS metrics of COCO, COCO-WholeBody, CrowdPose, HumanArt and PoseTrack18: AP and AR of poses.

Each class reads its annotations and leaves the arithmetic to ``functional``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mmpose.evaluation.functional import (
    BACKENDS,
    WHOLEBODY_FIELDS,
    KeypointDetections,
    KeypointGroundTruth,
    evaluate_detections,
    evaluate_with_backend,
    load_ground_truth,
)
from mmpose.evaluation.metrics.oks_metric import OksMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class CocoMetric(OksMetric):
    """COCO AP and AR over OKS thresholds, for every dataset with COCO annotations and sigmas.

    COCO, OCHuman, AIC (``use_area=False``), AP-10K, APT-36K, Animal-Pose and others; values are
    averaged over the categories of the annotation file. Their names: ``coco/AP``, ``AP .5``,
    ``AP .75``, ``AP (M)``, ``AP (L)``, ``AR``, ``AR .5``, ``AR .75``, ``AR (M)``, ``AR (L)``.

    Args:
        use_area: Whether the annotated area is the object area; else 0.53 of the box is.
        backend: Evaluator: ``numpy`` (of this package), ``xtcocotools`` or ``faster_coco_eval``.
        **kwargs: Arguments of ``OksMetric``.
    """

    default_prefix = 'coco'

    def __init__(self, use_area: bool = True, backend: str = 'numpy', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check_choice('backend', backend, BACKENDS)
        self.use_area = use_area
        self.backend = backend
        self._ground_truth: KeypointGroundTruth | None = None

    def evaluate_detections(
        self, detections: KeypointDetections, sigmas: np.ndarray
    ) -> dict[str, float]:
        ann_file = self._annotation_file()
        if self._ground_truth is None or self._ground_truth.source != ann_file:
            self._ground_truth = load_ground_truth(ann_file, len(sigmas), layout=self._layout())
        gt = self._ground_truth.of_images(self._image_ids())
        return evaluate_with_backend(gt, detections, sigmas, self.use_area, self.backend)


class ProtocolMetric(OksMetric):
    """Metric with a protocol of its own.

    Attributes:
        kind: The protocol, as ``functional.evaluate_detections`` takes it.
    """

    kind: ClassVar[str]

    def evaluate_detections(
        self, detections: KeypointDetections, sigmas: np.ndarray
    ) -> dict[str, float]:
        file, layout = self._annotation_file(), self._layout()
        return evaluate_detections(self.kind, file, detections, sigmas, layout, self._image_ids())


@METRICS.register_module()
class CocoWholeBodyMetric(ProtocolMetric):
    """COCO-WholeBody AP and AR of all 133 keypoints and of their parts.

    The ten values of COCO for each of ``body``, ``foot``, ``face``, ``left hand`` and
    ``right hand``, such as ``coco-wholebody/body AP``, and for the whole: ``coco-wholebody/AP``,
    which papers report, ..., ``AR (L)``. The result file has the keypoints of the parts in
    ``keypoints``, ``foot_kpts``, ``face_kpts``, ``lefthand_kpts`` and ``righthand_kpts``. The
    arguments are those of ``OksMetric``.
    """

    default_prefix = 'coco-wholebody'
    kind = 'coco_wholebody'
    keypoint_fields = WHOLEBODY_FIELDS


@METRICS.register_module()
class CrowdPoseMetric(ProtocolMetric):
    """CrowdPose AP and AR; the annotation file states the ``crowdIndex`` of each image.

    Metrics: ``crowdpose/AP``, ``AP .5``, ``AP .75``, ``AR``, ``AR .5``, ``AR .75``, ``AP(E)``,
    ``AP(M)``, ``AP(H)`` (easy, medium and hard images). The arguments are those of ``OksMetric``.
    """

    default_prefix = 'crowdpose'
    kind = 'crowdpose'
    use_area = False


@METRICS.register_module()
class HumanArtMetric(ProtocolMetric):
    """HumanArt AP; the folders in the file names tell the scenario and its group.

    Metrics: the ten of COCO, ``humanart/AP``, ``AP .5``, ..., ``AR (L)``; then ``{group} AP``, such
    as ``real_human AP``, and ``{scenario} AP``, such as ``cartoon AP``. The arguments are those of
    ``OksMetric``.
    """

    default_prefix = 'humanart'
    kind = 'humanart'


@METRICS.register_module()
class PoseTrack18Metric(ProtocolMetric):
    """PoseTrack18 AP of keypoint groups; annotations state the head box (``bbox_head``).

    Metrics, in percent: ``posetrack18/Head AP``, ``Shou AP``, ``Elb AP``, ``Wri AP``, ``Hip AP``,
    ``Knee AP``, ``Ankl AP``, ``AP``. Keypoints are ranked by their own scores; the score of the
    pose only decides which repeated poses go. The arguments are those of ``OksMetric``.
    """

    default_prefix = 'posetrack18'
    kind = 'posetrack18'
