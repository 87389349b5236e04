"""Reference model: VitPose of Hugging Face transformers with the weights of one of ours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmpose.checkpoints.adapters.huggingface import from_huggingface
from mmpose.models.backbones import ViT
from mmpose.models.backbones.patch_embed import PatchEmbed
from mmpose.models.heads import HeatmapHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.models.pose_estimators.base import PoseEstimator

LAYER_NORM_EPS = 1e-6  # of the published models; transformers' own default is smaller


def build_reference_model(model: TopdownPoseEstimator) -> nn.Module:
    """Builds a VitPose of transformers and copies its weights into our model.

    Args:
        model: Our model; its weights are overwritten, so that both outputs are equal.

    Returns:
        A module that maps images (B, 3, h, w) to heatmaps (B, K, H, W).

    Raises:
        ValueError: If transformers has no such architecture; the message has the reason.
        ImportError: If transformers is not installed.
    """
    reason = unsupported_reason(model)
    if reason:
        raise ValueError(f'transformers has no such model: {reason}')
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    backbone, head = model.backbone, model.head
    width, height = head.decoder.input_size
    config = VitPoseConfig(
        backbone_config=VitPoseBackboneConfig(
            image_size=[height, width],
            patch_size=[backbone.patch_size, backbone.patch_size],
            hidden_size=backbone.out_channels,
            num_hidden_layers=backbone.depth,
            num_attention_heads=backbone.num_heads,
            mlp_ratio=backbone.blocks[0].mlp.fc1.out_features // backbone.out_channels,
            layer_norm_eps=LAYER_NORM_EPS,
            out_indices=[backbone.depth],
        ),
        num_labels=head.num_keypoints,
        use_simple_decoder=not len(head.deconv_layers),
        scale_factor=head.upsample if head.upsample > 1 else 4,
    )
    reference_model = VitPoseForPoseEstimation(config).eval()
    converted = from_huggingface(reference_model.state_dict())
    own = model.state_dict()
    unfit = [k for k in own.keys() | converted.state if not _same(k, own, converted.state)]
    if unfit:
        raise ValueError(f'transformers has no such model: {sorted(unfit)[0]} differs')
    model.load_state_dict(converted.state)
    return HeatmapsOf(reference_model)


def unsupported_reason(model: PoseEstimator) -> str:
    """Returns why VitPose cannot represent our model; empty if it can."""
    heads, backbone = list(model.all_heads()), model.backbone
    if len(heads) > 1 or getattr(backbone, 'takes_dataset_idx', False):
        return 'it is for one dataset'
    if hasattr(model, 'text_encoder'):
        return 'it reads no texts'
    head = heads[0]
    if not isinstance(backbone, ViT) or not isinstance(backbone.patch_embed, PatchEmbed):
        return 'the backbone is not a plain ViT with a patch embedding'
    if backbone.stride != backbone.patch_size or not isinstance(backbone.last_norm, nn.LayerNorm):
        return 'its backbone has ratio 1 and a last norm'
    if model.neck is not None:
        return 'it has no neck'
    if not isinstance(head, HeatmapHead) or head.decoder.num_channels(1) != 1:
        return 'its head predicts one heatmap a keypoint'
    return ''


class HeatmapsOf(nn.Module):
    """VitPose with the interface of our estimator in mode 'tensor'."""

    def __init__(self, vitpose: nn.Module) -> None:
        super().__init__()
        self.vitpose = vitpose

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns the heatmaps (B, K, H, W) of normalised images (B, 3, h, w)."""
        return self.vitpose(pixel_values=inputs).heatmaps


def _same(name: str, ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return name in ours and name in theirs and ours[name].shape == theirs[name].shape


@torch.inference_mode()
def largest_difference(model: nn.Module, reference_model: nn.Module, inputs: Tensor) -> float:
    """Returns the largest absolute difference of the heatmaps of two models in eval mode."""
    return float((model(inputs) - reference_model(inputs)).abs().max())
