"""PCK, AUC, EPE and NME of poses on ground-truth boxes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from mmpose.evaluation.functional import DistanceMetric, KeypointGroundTruth, Norm
from mmpose.evaluation.metrics.instance_metric import InstanceMetric
from mmpose.registry import METRICS

# name of the figure and, for lengths that the ground truth states, of the length
PCK_NORMS = {'bbox': ('PCK', 'bbox'), 'head': ('PCKh', 'head_size'), 'torso': ('tPCK', None)}
Joint = int | str


class KeypointDistanceMetric(InstanceMetric):
    """One ``DistanceMetric``, which subclasses choose by their arguments."""

    @abstractmethod
    def figure(self) -> DistanceMetric:
        """What is measured; the skeleton of the dataset is known when this is called."""

    def figures(self, keypoints: np.ndarray, gt: KeypointGroundTruth) -> dict[str, float]:
        figure = self.figure()
        return {figure.name: figure.evaluate(keypoints, gt)}

    def extras(self) -> tuple[str, ...]:
        norm = self.figure().norm
        return (norm,) if isinstance(norm, str) and norm != 'bbox' else ()

    def _joint_pair(self, joints: Sequence[Joint]) -> tuple[int, int]:
        names = self._skeleton().keypoint_names
        numbers = []
        for joint in joints:
            if isinstance(joint, str) and joint not in names:
                raise ValueError(
                    f"{type(self).__name__} names the joint '{joint}', which skeleton "
                    f"'{self._skeleton().name}' does not have; it has {list(names)}"
                )
            numbers.append(names.index(joint) if isinstance(joint, str) else joint)
        return numbers[0], numbers[1]


@METRICS.register_module()
class PCKAccuracy(KeypointDistanceMetric):
    """Percentage of correct keypoints, as a share: the mean over the joints of the skeleton.

    Figure: ``pck/PCK`` by the box, ``pck/PCKh`` by the head, ``pck/tPCK`` by the torso; -1 if no
    joint is labelled.

    Args:
        thr: A joint is correct below this distance, in units of the norm. Published results take
            0.2 of the box or torso and, outside MPII, 0.7 of the head.
        norm: ``bbox``, the longer side of the box; ``head``, the ``head_size`` of the ground
            truth; ``torso``, the distance between the ``torso_joints``.
        torso_joints: Names or numbers of two joints.
        ann_file: COCO annotations; the ground truth of the dataset if None.
        out_dir: Folder in which ``result_keypoints.json`` is written; None writes nothing.
        prefix: First part of the name of the figure.
    """

    default_prefix = 'pck'

    def __init__(
        self,
        thr: float = 0.2,
        norm: str = 'bbox',
        torso_joints: Sequence[Joint] | None = None,
        ann_file: str | None = None,
        out_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(ann_file=ann_file, out_dir=out_dir, prefix=prefix)
        if norm not in PCK_NORMS:
            raise ValueError(
                f"norm of PCKAccuracy is '{norm}'; expected one of {', '.join(PCK_NORMS)}"
            )
        if (norm == 'torso') != (torso_joints is not None):
            raise ValueError(
                f"PCKAccuracy has norm='{norm}' and torso_joints={torso_joints}; the torso needs "
                'two joints, and only the torso'
            )
        if torso_joints is not None:
            _check_pair('torso_joints of PCKAccuracy', torso_joints)
        self.thr = thr
        self.norm = norm
        self.torso_joints = torso_joints

    def figure(self) -> DistanceMetric:
        name, norm = PCK_NORMS[self.norm]
        if norm is None:
            assert self.torso_joints is not None
            return DistanceMetric(name, 'pck', self._joint_pair(self.torso_joints), self.thr)
        return DistanceMetric(name, 'pck', norm, self.thr)


@METRICS.register_module()
class AUC(KeypointDistanceMetric):
    """Area under the curve of PCK over thresholds, ``auc/AUC``; at most 0.95 with 20 thresholds.

    Args:
        norm: px that count as 1.
        num_thrs: n thresholds 0, 1/n, ..., (n - 1)/n.
        ann_file: COCO annotations; the ground truth of the dataset if None.
        out_dir: Folder in which ``result_keypoints.json`` is written; None writes nothing.
        prefix: First part of the name of the figure.
    """

    default_prefix = 'auc'

    def __init__(
        self,
        norm: float = 30.0,
        num_thrs: int = 20,
        ann_file: str | None = None,
        out_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(ann_file=ann_file, out_dir=out_dir, prefix=prefix)
        if norm <= 0 or num_thrs < 1:
            raise ValueError(f'AUC has norm={norm} and num_thrs={num_thrs}; expected both above 0')
        self.norm = norm
        self.num_thrs = num_thrs

    def figure(self) -> DistanceMetric:
        return DistanceMetric('AUC', 'auc', float(self.norm), num_thrs=self.num_thrs)


@METRICS.register_module()
class EPE(KeypointDistanceMetric):
    """End-point error, ``epe/EPE``: mean distance over all labelled joints, px.

    The arguments are those of ``InstanceMetric``.
    """

    default_prefix = 'epe'

    def figure(self) -> DistanceMetric:
        return DistanceMetric('EPE', 'mean', 1.0)


@METRICS.register_module()
class NME(KeypointDistanceMetric):
    """Normalised mean error, ``nme/NME``: mean distance in units of a length of the instance.

    Args:
        joints: Names or numbers of two joints, whose annotated distance is the length, such as
            the outer corners of the eyes. An instance without both is left out.
        item: Instead, ``bbox`` for the longer side of the box, or the name of an extra of the
            ground truth, such as ``box_size``.
        ann_file: COCO annotations; the ground truth of the dataset if None.
        out_dir: Folder in which ``result_keypoints.json`` is written; None writes nothing.
        prefix: First part of the name of the figure.
    """

    default_prefix = 'nme'

    def __init__(
        self,
        joints: Sequence[Joint] | None = None,
        item: str | None = None,
        ann_file: str | None = None,
        out_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(ann_file=ann_file, out_dir=out_dir, prefix=prefix)
        if (joints is None) == (item is None):
            raise ValueError(
                f'NME has joints={joints} and item={item}; set one of them, two joints or the name '
                'of a length'
            )
        if joints is not None:
            _check_pair('joints of NME', joints)
        self.joints = joints
        self.item = item

    def figure(self) -> DistanceMetric:
        norm: Norm
        if self.item is not None:
            norm = self.item
        else:
            assert self.joints is not None
            norm = self._joint_pair(self.joints)
        return DistanceMetric('NME', 'mean', norm)


def _check_pair(name: str, joints: Sequence[Joint]) -> None:
    if isinstance(joints, str) or len(joints) != 2:
        raise ValueError(f'{name} is {joints!r}; expected two joints, by name or number')
