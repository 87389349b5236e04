"""PGVL: keypoint names and images meet in parse graphs before the head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.init import trunc_normal_

from mmpose.models.language import TextCache, freeze, keypoint_prompts
from mmpose.models.losses import token_cells
from mmpose.models.pose_estimators.base import Batch, Config
from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator
from mmpose.registry import MODELS

# What the estimator takes besides the arguments of TopdownPoseEstimator.
LANGUAGE_OPTIONS = (
    'text_encoder',
    'prompt_encoder',
    'parse_graph',
    'feature_loss',
    'prompts',
    'num_contexts',
)
LOGIT_SCALE = math.log(1 / 0.07)  # CLIP's start, 1 / temperature


@MODELS.register_module()
class PGVLPoseEstimator(TopdownPoseEstimator):
    """Top-down estimator whose image features are refined by the names of the keypoints.

    Parse graph-based visual-language interaction for human pose estimation, Liu et al. 2025
    (arXiv 2509.07385). Names become features by a frozen text encoder; parse graphs put them in
    relation with the tokens of the backbone; the head reads the resulting tokens. In training a
    contrastive loss ties the tokens at the keypoints to the features of their names.

    Parameter names are those of the published weights: ``my`` is the parse graph, ``my_up`` and
    ``my_up1`` bring text and image to its width. Arguments that are not listed are those of
    ``TopdownPoseEstimator``.

    Args:
        text_encoder: Config of a text encoder, see ``mmpose.models.language``. It stays frozen.
        prompt_encoder: Config of what lets the prompts see each other; its sizes are known here.
        parse_graph: Config of the parse graph.
        feature_loss: Config of the loss between tokens at keypoints and features of names.
        prompts: Keypoint -> text, for keypoints whose names are no good description.
        num_contexts: Learned tokens before each text; 0 for an encoder that takes none.

    Raises:
        ValueError: If widths or keypoints do not fit each other.
    """

    takes_teacher = False

    def __init__(
        self,
        backbone: Config,
        head: Config,
        text_encoder: Config,
        prompt_encoder: Config,
        parse_graph: Config,
        feature_loss: Config,
        prompts: Mapping[str, str] | None = None,
        num_contexts: int = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, head, **kwargs)
        self.prompts = keypoint_prompts(self.dataset_meta, prompts)
        self.text_encoder = freeze(MODELS.build(text_encoder))
        text_dim = self.text_encoder.out_channels
        sizes = dict(width=text_dim, num_prompts=self.dataset_meta.num_keypoints)
        self.prompt_encoder = MODELS.build({**sizes, **prompt_encoder})
        self.my = MODELS.build(parse_graph)
        self._add_projections(text_dim, parse_graph['variant'])
        self.contexts: nn.Parameter | None = None
        if num_contexts:
            self.contexts = nn.Parameter(torch.empty(1, num_contexts, self.text_encoder.width))
            trunc_normal_(self.contexts)
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE))
        self.register_buffer('gamma', torch.full((text_dim,), 1e-3))  # published, never read
        self.feature_loss = MODELS.build(feature_loss)
        self.text_cache = TextCache()

    def _add_projections(self, text_dim: int, variant: str) -> None:
        """Adds ``my_up`` and ``my_up1``: 'fuse' widens the text, 'guided' narrows the image."""
        width, image_dim = self.my.in_channels, self.backbone.out_channels
        is_fuse = variant == 'fuse'
        kept, what = (image_dim, 'the backbone') if is_fuse else (text_dim, 'the text encoder')
        if kept != width:
            raise ValueError(
                f"{what} gives {kept} channels but the parse graph of variant '{variant}' takes "
                f'{width}; set model.parse_graph.dim={kept}'
            )
        if self.head.in_channels != self.my.out_channels:
            raise ValueError(
                f'the parse graph gives {self.my.out_channels} channels but the head takes '
                f'{self.head.in_channels}; set model.head.in_channels={self.my.out_channels}'
            )
        self.my_up = nn.Linear(text_dim, width) if is_fuse else nn.Identity()
        self.my_up1 = nn.Identity() if is_fuse else nn.Linear(image_dim, width)

    @staticmethod
    def plain_config(config: Config) -> Config:
        """Returns the config of the same estimator without language."""
        plain = {key: value for key, value in config.items() if key not in LANGUAGE_OPTIONS}
        head = {**config['head'], 'in_channels': config['backbone']['embed_dim']}
        return {**plain, 'type': 'TopdownPoseEstimator', 'head': head}

    def init_weights(self) -> None:
        """Initialises what starts at random and loads what was pre-trained.

        A ``pretrained`` that reads texts itself brings its language along, where that fits.
        """
        super().init_weights()
        is_taken = 'text_encoder' in self.loaded_parts
        if not is_taken or self.text_encoder.pretrained is not None:
            self.text_encoder.init_weights(self.trust_checkpoint)

    def extract_feat(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns features (B, E, H', W') of images (B, 3, h, w) that know of the keypoints."""
        return self.interact(inputs, dataset_idx)[1]

    def interact(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns text features (B, K, E) and image features (B, E, H', W').

        Args:
            inputs: (B, 3, h, w), normalised.
            dataset_idx: (B,) int64, read by a backbone with a part per dataset only.
        """
        features = super().extract_feat(inputs, dataset_idx)
        vision = self.my_up1(rearrange(features, 'b c h w -> b (h w) c'))
        text = self.text_features().expand(len(inputs), -1, -1)
        text, vision = self.my(text, vision)
        return text, rearrange(vision, 'b (h w) e -> b e h w', h=features.shape[2])

    def text_features(self) -> Tensor:
        """Returns the features (K, D) of the prompts, at the width of the parse graph."""
        return self.text_cache.get(self.prompts, self._compute_text_features)

    def _compute_text_features(self) -> Tensor:
        arguments = () if self.contexts is None else (self.contexts,)
        return self.my_up(self.prompt_encoder(self.text_encoder(self.prompts, *arguments)))

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns the losses of the head, and ``loss_feature``."""
        text, vision = self.interact(inputs, batch.get('dataset_idx'))
        results = self.head.loss(vision, batch['keypoints'], batch['keypoints_visible'])
        grid_wh = (vision.shape[3], vision.shape[2])
        cells, weights = token_cells(
            batch['keypoints'], batch['keypoints_visible'], self.head.input_size, grid_wh
        )
        results['loss_feature'] = self.feature_loss(vision, text, cells, weights, self.logit_scale)
        return results
