"""Top-down pose estimator: one crop in, one pose out."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmpose.metainfo import load_metainfo
from mmpose.models.calibration import CALIBRATION, Confidence, ScoreCalibration, read_confidence
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
        visibility_head: Config of a ``VisibilityHead``, which says whether keypoints are visible.
            It is then all that is trained: ``pretrained`` is a pose model, of the same skeleton
            unless ``pretrained_metainfo`` says otherwise, whose poses stay as they are.
        teacher: Config of what a training learns from besides the annotations, see
            ``attach_teacher``; of no effect otherwise.

    Attributes:
        calibration: What makes probabilities of scores, in a model whose checkpoint
            ``tools/calibrate.py`` has written; None in any other.
        teacher: The teacher of a training, see ``mmpose/models/distillation.py``. It is no part of
            the network.
        takes_teacher: Whether the losses of the class ask it.

    Raises:
        ValueError: If the head has another number of keypoints than the skeleton, or the model
            cannot have a visibility head.
    """

    takes_teacher = True

    def __init__(
        self,
        backbone: Config,
        head: Config,
        metainfo: str | DatasetMeta = 'coco',
        pretrained_metainfo: str | DatasetMeta | None = None,
        visibility_head: Config | None = None,
        teacher: Config | None = None,
        **kwargs: Any,
    ) -> None:
        if visibility_head and kwargs.get('pretrained') and pretrained_metainfo is None:
            pretrained_metainfo = metainfo  # what stays as it is comes from there, the head too
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
        self.calibration: ScoreCalibration | None = None
        self.visibility_head = self._build_visibility_head(visibility_head)
        self._freeze()
        self.teacher: Any = None
        self._teacher_config = teacher

    def named_heads(self) -> list[tuple[str, PoseHead, DatasetMeta]]:
        """Returns the only head with its skeleton."""
        return [('head', self.head, self.dataset_meta)]

    def forward_heads(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns the raw output of the head (heatmaps) for normalised images (B, 3, h, w)."""
        return self.head(self.extract_feat(inputs, dataset_idx))

    def prepare_for(self, state: Mapping[str, Tensor]) -> None:
        """Builds what a checkpoint brings along: the calibration of its scores."""
        if CALIBRATION in state and self.calibration is None:
            self.calibration = ScoreCalibration(self.head.num_keypoints)
            self.calibration.to(self.flip_indices.device)

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns the losses of the head, and of a teacher if there is one.

        Where there is a visibility head, its losses are all.
        """
        if self.visibility_head is not None:
            with torch.no_grad():
                features = self.extract_feat(inputs, self.condition_of(batch))
                output = self.head(features)
            logits = self.visibility_head(features, output)
            return self.visibility_head.loss(logits, batch['keypoints'], batch['visibility'])
        if self.calibration is not None:
            print_log('the scores are calibrated no more, as training changes them', 'current')
            self.calibration = None
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
        found = self.read_output(*self.predict_outputs(inputs, self.condition_of(batch)))
        return batch_to_results(*found[:2], batch, self.head, found[2])

    def read_output(
        self, output: Tensor, visibility: Tensor | None
    ) -> tuple[Tensor, Tensor, Confidence | None]:
        """Returns keypoints (B, K, 2), input px, scores (B, K), and what else the model says.

        Args:
            output: Raw output of the head.
            visibility: (B, K, 3), as :meth:`predict_outputs` gives it.
        """
        keypoints, scores = self.head.decode(output)
        codec = self.head.decoder
        scores, confidence = read_confidence(
            keypoints, scores, output, codec, self.calibration, visibility
        )
        return keypoints, scores, confidence

    def predict_outputs(
        self, inputs: Tensor, dataset_idx: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the raw output of :meth:`predict_output`, and visibilities (B, K, 3).

        These are probabilities of visible, occluded and outside the crop, averaged by a flip test
        if asked for; None without a visibility head.
        """
        if self.visibility_head is None:
            return self.predict_output(inputs, dataset_idx), None
        features = self.extract_feat(inputs, dataset_idx)
        output = self.head(features)
        visibility = self.visibility_head(features, output).softmax(-1)
        if self.flip_test:
            features = self.extract_feat(inputs.flip(-1), dataset_idx)
            flipped = self.head(features)
            mirrored = self.visibility_head(features, flipped).softmax(-1)
            output = self.head.average_flipped(output, flipped, self.flip_indices)
            visibility = (visibility + mirrored.index_select(1, self.flip_indices)) / 2
        return output, visibility

    def predict_output(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns the raw output of the head (heatmaps), averaged by a flip test if asked for."""
        output = self.forward_heads(inputs, dataset_idx)
        if not self.flip_test:
            return output
        flipped = self.forward_heads(inputs.flip(-1), dataset_idx)
        return self.head.average_flipped(output, flipped, self.flip_indices)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.visibility_head is None:
            return super()._frozen_modules()
        return [part for name, part in self.named_children() if name != 'visibility_head']

    def _build_visibility_head(self, config: Config | None) -> nn.Module | None:
        if config is None:
            return None
        own = type(self).extract_feat is PoseEstimator.extract_feat
        if not own or self.head.decoder is None or self.head.takes_maps:
            raise ValueError(
                'model.visibility_head reads one feature map and heatmaps, which '
                f'{type(self).__name__} with {type(self.head).__name__} does not have; remove it'
            )
        given = dict(in_channels=self.head.in_channels, num_keypoints=self.head.num_keypoints)
        return MODELS.build({**given, 'codec': self.head.decoder, **config})


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
