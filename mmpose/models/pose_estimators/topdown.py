"""The top-down estimator: one crop in, one pose out."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor

from mmpose.metainfo import load_metainfo
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.registry import MODELS
from mmpose.structures import PoseMeta, PoseResult

Config = dict[str, Any]


@MODELS.register_module()
class TopdownPoseEstimator(BaseModel):
    """Estimates the pose of the person in the middle of each crop.

    Args:
        backbone: Config of a backbone: images (B, 3, h, w) to features (B, C, H', W').
        head: Config of a head, which also holds the codec.
        metainfo: Skeleton: its name, the path of a table, or a ``PoseMeta``.
        neck: Config of a module between the two, if any.
        data_preprocessor: Config of the preprocessor.
        flip_test: Whether prediction averages the heatmaps of each image and its mirror image.
        pretrained: Checkpoint of a backbone (MAE, DINOv2, timm, HAP, ...), path or URL. It is
            read by :meth:`init_weights`, which the runner calls before training.
        trust_checkpoint: Whether ``pretrained`` may be a pickle that runs code.

    Raises:
        ValueError: If the head has another number of keypoints than the skeleton.
    """

    def __init__(
        self,
        backbone: Config,
        head: Config,
        metainfo: str | PoseMeta = 'coco',
        neck: Config | None = None,
        data_preprocessor: Config | None = None,
        flip_test: bool = True,
        pretrained: str | None = None,
        trust_checkpoint: bool = False,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or dict(type='PoseDataPreprocessor')))
        self.meta = load_metainfo(metainfo)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck is not None else None
        self.head = MODELS.build(head)
        self.flip_test = flip_test
        self.pretrained = pretrained
        self.trust_checkpoint = trust_checkpoint
        if self.head.num_keypoints != self.meta.num_keypoints:
            raise ValueError(
                f"the head has {self.head.num_keypoints} keypoints but '{self.meta.name}' has "
                f'{self.meta.num_keypoints}; set model.head.out_channels to '
                f'{self.head.codec.num_channels(self.meta.num_keypoints)}'
            )
        flips = torch.from_numpy(self.meta.flip_indices.copy())
        self.register_buffer('flip_indices', flips, persistent=False)

    def init_weights(self) -> None:
        """Initialises what starts at random and loads ``pretrained`` into the backbone."""
        for part in (self.backbone, self.neck, self.head):
            if hasattr(part, 'init_weights'):
                part.init_weights()
        if self.pretrained is None:
            return
        from mmcv_custom.checkpoint import load_backbone

        report = load_backbone(self.backbone, self.pretrained, trust=self.trust_checkpoint)
        print_log(str(report), logger='current')

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Returns the features (B, C, H', W') of normalised images (B, 3, h, w)."""
        features = self.backbone(inputs)
        return features if self.neck is None else self.neck(features)

    def forward(
        self, inputs: Tensor, batch: dict[str, Any] | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[PoseResult]:
        """Returns heatmaps, losses or poses.

        Args:
            inputs: (B, 3, h, w), normalised.
            batch: What the collate function gives beside the images; ``mode='tensor'`` needs none.
            mode: ``tensor`` for heatmaps (B, C, H, W), ``loss`` for a dict of losses, ``predict``
                for one ``PoseResult`` a crop.
        """
        if mode == 'tensor':
            return self.head(self.extract_feat(inputs))
        if batch is None:
            raise ValueError(f"mode '{mode}' needs the batch that the collate function makes")
        if mode == 'loss':
            features = self.extract_feat(inputs)
            return self.head.loss(features, batch['keypoints'], batch['visible'])
        if mode == 'predict':
            return self.predict(inputs, batch)
        raise ValueError(f"mode is '{mode}', expected 'tensor', 'loss' or 'predict'")

    def predict(self, inputs: Tensor, batch: dict[str, Any]) -> list[PoseResult]:
        """Returns the pose of each crop in image coordinates."""
        keypoints_in, scores = self.head.predict(self.predict_heatmaps(inputs))
        return batch_to_results(keypoints_in, scores, batch, self.head.codec)

    def predict_heatmaps(self, inputs: Tensor) -> Tensor:
        """Returns heatmaps (B, C, H, W), averaged with those of the mirror image if asked for."""
        heatmaps = self.head(self.extract_feat(inputs))
        if not self.flip_test:
            return heatmaps
        mirrored = self.head(self.extract_feat(inputs.flip(-1)))
        return (heatmaps + self.head.codec.unflip(mirrored, self.flip_indices)) / 2
