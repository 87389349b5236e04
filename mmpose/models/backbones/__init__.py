"""Backbones: an image batch in, one feature map out, or a tuple of several.

Every backbone has ``out_channels`` and ``stride``, and answers for its own parameters:
``num_layers``, ``get_layer_depth(name)`` and ``no_weight_decay()``. One with
``takes_dataset_idx`` is called with the dataset of each image too.
"""

from mmpose.models.backbones.huggingface_backbone import HuggingFaceBackbone
from mmpose.models.backbones.timm_backbone import TimmBackbone
from mmpose.models.backbones.vit import ViT
from mmpose.models.backbones.vit_moe import ViTMoE
from mmpose.models.backbones.vit_prompt import ViTPrompt

__all__ = ['HuggingFaceBackbone', 'TimmBackbone', 'ViT', 'ViTMoE', 'ViTPrompt']
