"""Backbones: an image batch in, one feature map out.

Every backbone has ``out_channels`` and ``stride``, and answers for its own parameters:
``num_layers``, ``get_layer_depth(name)`` and ``no_weight_decay()``.
"""

from mmpose.models.backbones.timm_backbone import TimmBackbone
from mmpose.models.backbones.vit import ViT

__all__ = ['TimmBackbone', 'ViT']
