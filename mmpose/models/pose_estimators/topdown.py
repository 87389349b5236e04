"""Top-down estimator: one crop in, one pose out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmpose.metainfo import load_metainfo
from mmpose.models.pose_estimators.base import (
    Batch,
    Config,
    PoseEstimator,
    average_of_mirrored,
)
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.registry import MODELS
from mmpose.structures import DatasetMeta, PoseResult


@MODELS.register_module()
class TopdownPoseEstimator(PoseEstimator):
    """Estimates the pose of the instance in the middle of each crop.

    Args:
        backbone: Config of a backbone: images (B, 3, h, w) to features (B, C, H', W').
        head: Config of a head, which also holds the codec.
        metainfo: Skeleton: its name, the path of a table, or a ``DatasetMeta``.
        neck: Config of a module between the two, if any.
        data_preprocessor: Config of the preprocessor.
        flip_test: Whether prediction averages the heatmaps of each image and its mirror image.
        pretrained: Checkpoint of a backbone (MAE, DINOv2, timm, HAP, ...), path or URL. It is
            read by :meth:`init_weights`, which the runner calls before training.
        trust_checkpoint: Whether ``pretrained`` may be a pickle that runs code.
        pretrained_metainfo: Skeleton of ``pretrained``, where that is a pose model whose head is
            to be loaded too (the first of several, or that of the backbone's
            ``default_dataset``). Keypoints with the same name in both skeletons start from it.

    Raises:
        ValueError: If the head has another number of keypoints than the skeleton.
    """

    def __init__(
        self,
        backbone: Config,
        head: Config,
        metainfo: str | DatasetMeta = 'coco',
        neck: Config | None = None,
        data_preprocessor: Config | None = None,
        flip_test: bool = True,
        pretrained: str | None = None,
        trust_checkpoint: bool = False,
        pretrained_metainfo: str | DatasetMeta | None = None,
    ) -> None:
        super().__init__(
            backbone,
            neck,
            data_preprocessor,
            flip_test,
            pretrained,
            trust_checkpoint,
            [] if pretrained_metainfo is None else [pretrained_metainfo],
        )
        self.dataset_meta = load_metainfo(metainfo)
        self.head = MODELS.build(head)
        if self.pretrained_metas and pretrained is None:
            raise ValueError(
                'model.pretrained_metainfo is the skeleton of a checkpoint, but there is none; '
                'set model.pretrained'
            )
        if self.head.num_keypoints != self.dataset_meta.num_keypoints:
            raise ValueError(
                f'the head has {self.head.num_keypoints} keypoints but '
                f"'{self.dataset_meta.name}' has "
                f'{self.dataset_meta.num_keypoints}; set model.head.out_channels to '
                f'{self.head.codec.num_channels(self.dataset_meta.num_keypoints)}'
            )
        flips = torch.from_numpy(self.dataset_meta.flip_indices.copy())
        self.register_buffer('flip_indices', flips, persistent=False)

    def named_heads(self) -> list[tuple[str, nn.Module, DatasetMeta]]:
        """Returns the only head with its skeleton."""
        return [('head', self.head, self.dataset_meta)]

    def heatmaps_of(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns heatmaps (B, C, H, W) of normalised images (B, 3, h, w)."""
        return self.head(self.extract_feat(inputs, dataset_idx))

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns the losses of the head."""
        features = self.extract_feat(inputs, self.condition_of(batch))
        return self.head.loss(features, batch['keypoints'], batch['keypoints_visible'])

    def predict(self, inputs: Tensor, batch: Batch) -> list[PoseResult]:
        """Returns the pose of each crop in image coordinates."""
        heatmaps = self.predict_heatmaps(inputs, self.condition_of(batch))
        keypoints_in, scores = self.head.predict(heatmaps)
        return batch_to_results(keypoints_in, scores, batch, self.head.codec)

    def predict_heatmaps(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns heatmaps (B, C, H, W), averaged with those of the mirror image if asked for."""
        heatmaps = self.heatmaps_of(inputs, dataset_idx)
        if not self.flip_test:
            return heatmaps
        mirrored = self.heatmaps_of(inputs.flip(-1), dataset_idx)
        return average_of_mirrored(heatmaps, mirrored, self.head.codec, self.flip_indices)
