"""Top-down pose estimator: one crop in, one pose out."""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from mmpose.metainfo import load_metainfo
from mmpose.models.heads import PoseHead
from mmpose.models.pose_estimators.base import Batch, Config, PoseEstimator
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.registry import MODELS
from mmpose.structures import DatasetMeta, PoseResult


@MODELS.register_module()
class TopdownPoseEstimator(PoseEstimator):
    """Top-down estimator: the pose of the instance in the middle of each crop.

    Arguments that are not listed are those of ``PoseEstimator``.

    Args:
        backbone: Config of a backbone.
        head: Config of a ``PoseHead``.
        metainfo: Skeleton: its name, the path of a table, or a ``DatasetMeta``.
        pretrained_metainfo: Skeleton of ``pretrained``, where that is a pose model whose head is
            to be loaded too (the first of several, or that of the backbone's
            ``default_dataset``). Keypoints with the same name in both skeletons start from it.
        teacher: Config of what a training learns from besides the annotations, see
            ``attach_teacher``; of no effect otherwise.

    Attributes:
        teacher: The teacher of a training, see ``mmpose/models/distillation.py``. It is no part of
            the network.
        takes_teacher: Whether the losses of the class ask it.

    Raises:
        ValueError: If the head has another number of keypoints than the skeleton.
    """

    takes_teacher = True

    def __init__(
        self,
        backbone: Config,
        head: Config,
        metainfo: str | DatasetMeta = 'coco',
        pretrained_metainfo: str | DatasetMeta | None = None,
        teacher: Config | None = None,
        **kwargs: Any,
    ) -> None:
        metas = [] if pretrained_metainfo is None else [pretrained_metainfo]
        super().__init__(backbone, pretrained_metainfo=metas, **kwargs)
        self.dataset_meta = load_metainfo(metainfo)
        self.head: PoseHead = MODELS.build(head)
        self._set_head_options()
        if self.pretrained_metas and self.pretrained is None:
            raise ValueError(
                'model.pretrained_metainfo is the skeleton of a checkpoint, but there is none; '
                'set model.pretrained'
            )
        if self.head.num_keypoints != self.dataset_meta.num_keypoints:
            raise ValueError(
                f'the head has {self.head.num_keypoints} keypoints but '
                f"'{self.dataset_meta.name}' has {self.dataset_meta.num_keypoints}; set "
                f'model.head.{self.head.size_option(self.dataset_meta.num_keypoints)}'
            )
        flips = torch.from_numpy(self.dataset_meta.flip_indices.copy())
        self.register_buffer('flip_indices', flips, persistent=False)
        self.teacher: Any = None
        self._teacher_config = teacher

    def named_heads(self) -> list[tuple[str, PoseHead, DatasetMeta]]:
        """Returns the only head with its skeleton."""
        return [('head', self.head, self.dataset_meta)]

    def forward_heads(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns the raw output of the head (heatmaps) for normalised images (B, 3, h, w)."""
        return self.head(self.extract_feat(inputs, dataset_idx))

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns the losses of the head, and of a teacher if there is one."""
        features = self.extract_feat(inputs, self.condition_of(batch))
        if self._teacher_config is None:
            return self._head_loss(features, batch)
        if self.teacher is None:
            raise ValueError(
                'model.teacher is set but not loaded; train by tools/train.py or run_training, or '
                'call attach_teacher(runner, config.model.teacher)'
            )
        targets, losses = self.teacher.teach(inputs, batch, features)
        return self._head_loss(features, {**batch, **targets}) | losses

    def _head_loss(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        keypoints, keypoints_visible = batch['keypoints'], batch['keypoints_visible']
        wanted = list(signature(self.head.loss).parameters)
        if 'batch_data_samples' in wanted:
            samples = data_samples(self.head, batch)
            return self.head.loss(features, samples, *[{}] * ('train_cfg' in wanted))
        further = {name: batch[name] for name in wanted[3:] if name in batch}
        return self.head.loss(features, keypoints, keypoints_visible, **further)

    def predict(self, inputs: Tensor, batch: Batch) -> list[PoseResult]:
        """Returns the pose of each crop in image coordinates."""
        output = self.predict_output(inputs, self.condition_of(batch))
        return batch_to_results(*self.head.decode(output), batch, self.head)

    def predict_output(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns the raw output of the head (heatmaps), averaged by a flip test if asked for."""
        output = self.forward_heads(inputs, dataset_idx)
        if not self.flip_test:
            return output
        flipped = self.forward_heads(inputs.flip(-1), dataset_idx)
        return self.head.average_flipped(output, flipped, self.flip_indices)


def data_samples(head: PoseHead, batch: Batch) -> list[SimpleNamespace]:
    """Returns what the loss of a head that was written for MMPose 1.x reads of each sample.

    That is ``gt_fields.heatmaps`` (C, H, W), ``gt_instance_labels.keypoint_weights`` (1, K), and by
    name whatever else is in the batch.
    """
    targets, weights = head.decoder.encode(batch['keypoints'], batch['keypoints_visible'])
    samples = []
    for i in range(len(targets)):
        own = {key: values[i] for key, values in batch.items()}
        labels = SimpleNamespace(keypoint_weights=weights[i : i + 1])
        fields = SimpleNamespace(heatmaps=targets[i])
        samples.append(
            SimpleNamespace(**own, metainfo=own, gt_fields=fields, gt_instance_labels=labels)
        )
    return samples
