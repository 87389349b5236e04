"""Packed copy of a model for float32 on a CPU: oneDNN layouts, fused batch norms."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmpose.models import TopdownPoseEstimator
from mmpose.models.backbones import ViT
from mmpose.models.lora import merge_lora


class PackedLinear(nn.Module):
    """A linear layer whose weights are laid out for oneDNN, with the GELU behind it.

    PyTorch multiplies with MKL, which is slower on many processors, and takes a third of the time
    of a wide layer again for the GELU.

    Args:
        with_gelu: Whether an exact (erf) GELU follows.
    """

    def __init__(self, linear: nn.Linear, with_gelu: bool = False) -> None:
        super().__init__()
        weight = linear.weight.detach().contiguous()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._activation = ('gelu', 'none') if with_gelu else ('none', '')

    def forward(self, x: Tensor) -> Tensor:
        """Returns the outputs (..., out) of inputs (..., in)."""
        name, variant = self._activation
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, name, [], variant)


def can_pack(model: TopdownPoseEstimator) -> bool:
    """Returns whether PyTorch has oneDNN's layers here, and the model is one that can use them."""
    has_layers = torch.backends.mkldnn.is_available() and all(
        hasattr(torch.ops.mkldnn, name) for name in ('_linear_pointwise', '_reorder_linear_weight')
    )
    parameter = next(model.parameters())
    is_plain = parameter.device.type == 'cpu' and parameter.dtype == torch.float32
    is_plain = is_plain and not parameter.is_inference()  # whose changes are not counted
    return has_layers and is_plain and isinstance(model.backbone, ViT)


def pack(model: TopdownPoseEstimator) -> TopdownPoseEstimator:
    """Returns a copy for inference; heatmaps differ by rounding.

    Linear layers get the layout of oneDNN, which takes the memory of the weights once more; batch
    norms are folded, and the head computes channels last. The model stays as it is.

    Args:
        model: In eval mode, with ``can_pack``.
    """
    tensors = (*model.parameters(), *model.buffers())
    shared = {id(tensor): tensor for tensor in tensors}
    backend = getattr(model, 'backend', None)
    packed = copy.deepcopy(model, {**shared, id(backend): None})
    fuse_batch_norms(packed)
    merge_lora(packed)
    for module in packed.backbone.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                with_gelu = name == 'fc1' and isinstance(getattr(module, 'act', None), nn.GELU)
                setattr(module, name, PackedLinear(child, with_gelu))
                if with_gelu:
                    module.act = nn.Identity()
    packed.head = copy.deepcopy(packed.head).to(memory_format=torch.channels_last)
    return packed


def version_of(model: nn.Module) -> int:
    """Returns a number that is another one when a weight was changed in place, moved or cast."""
    tensors = (*model.parameters(), *model.buffers())
    return hash(tuple((tensor._version, tensor.data_ptr()) for tensor in tensors))


def fuse_batch_norms(model: nn.Module) -> int:
    """Folds each BatchNorm into the (transposed) convolution before it; returns how many."""
    count = 0
    for module in model.modules():
        if not isinstance(module, nn.Sequential):
            continue
        names = list(module._modules)
        for first, second in pairwise(names):
            conv, norm = module._modules[first], module._modules[second]
            is_conv = isinstance(conv, (nn.Conv2d, nn.ConvTranspose2d))
            if not (is_conv and isinstance(norm, nn.BatchNorm2d)):
                continue
            transposed = isinstance(conv, nn.ConvTranspose2d)
            module._modules[first] = fuse_conv_bn_eval(conv.eval(), norm.eval(), transposed)
            module._modules[second] = nn.Identity()
            count += 1
    return count
