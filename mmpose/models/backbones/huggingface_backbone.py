"""Any image encoder of transformers as a backbone: DINOv2, DINOv3, Sapiens2, ConvNeXt, Swin, ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from inspect import signature
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from mmpose.models.backbones.foreign import ForeignBackbone, contiguous, one_or_all
from mmpose.registry import MODELS

# Block of a plain network, or stage and block of a hierarchical one, in a parameter's name.
_PLACE = re.compile(r'(?:^|\.)(?:layers?|stages|blocks)\.(\d+)(?:\.(?:layers?|blocks)\.(\d+))?\.')


@MODELS.register_module()
class HuggingFaceBackbone(ForeignBackbone):
    """Feature maps of an image encoder of transformers, as (B, C, H, W).

    What transformers offers as a backbone may give several maps; of any other encoder the tokens
    behind the last layer become one map, without those that stand for no patch.

    Args:
        name: Name on the hub, or folder, of the model, e.g. 'facebook/dinov2-base'; None for the
            architecture of ``config``.
        config: ``model_type`` and the values that differ from its defaults; with ``name``, changes
            of its configuration.
        pretrained: Whether to load the weights of ``name``.
        out_indices: Which maps, 0 is that of the embeddings: a number, -1 for the last, or several,
            which come as a tuple.
        frozen_stages: -1 trains everything, 0 freezes the embeddings, n the first n stages (blocks
            of a plain transformer) too.
        norm_eval: Whether batch norms keep their statistics during training.

    Raises:
        ValueError: If the architecture is unknown, or is no encoder of images.
        ImportError: If transformers is not installed.
    """

    def __init__(
        self,
        name: str | None = None,
        config: dict[str, Any] | None = None,
        pretrained: bool = True,
        out_indices: int | Sequence[int] = -1,
        frozen_stages: int = -1,
        norm_eval: bool = False,
    ) -> None:
        super().__init__()
        try:
            from transformers import AutoBackbone, AutoModel
        except ImportError as error:
            raise ImportError(
                'HuggingFaceBackbone needs transformers; install it with: pip install transformers'
            ) from error

        settings = _settings(name, dict(config or {}))
        self._is_backbone = type(settings) in AutoBackbone._model_mapping
        indices = [out_indices] if isinstance(out_indices, int) else list(out_indices)
        if self._is_backbone:
            num_maps = len(settings.stage_names)
            if not all(-num_maps <= index < num_maps for index in indices):
                raise ValueError(
                    f'model.backbone.out_indices is {out_indices}, but {settings.model_type} has '
                    f'{num_maps} maps'
                )
            settings.out_features = [settings.stage_names[index] for index in indices]
        elif not isinstance(getattr(settings, 'patch_size', None), int):
            raise ValueError(
                f'{settings.model_type} of transformers has no patch_size, and so its output is no '
                'map; choose an encoder of images by model.backbone.name or .config.model_type'
            )
        elif indices != [-1]:
            raise ValueError(
                f'model.backbone.out_indices is {out_indices}, but transformers gives only the '
                f'last map of {settings.model_type}; set -1'
            )
        patch = getattr(settings, 'patch_size', None)
        self.stride: Any = patch if isinstance(patch, int) else 1
        kind = AutoBackbone if self._is_backbone else AutoModel
        if name is not None and pretrained:
            self.model = kind.from_pretrained(name, config=settings)
        else:
            self.model = kind.from_config(settings)
        takes_any_size = 'interpolate_pos_encoding' in signature(self.model.forward).parameters
        self._options = {'interpolate_pos_encoding': True} if takes_any_size else {}
        self._probe()
        depths, stages = _depths_and_stages(self.model)
        self._set_stages(depths, stages, frozen_stages, norm_eval)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Returns the maps (B, C, h / stride, w / stride) of images (B, 3, h, w)."""
        output = self.model(x, **self._options)
        if self._is_backbone:
            return contiguous(output.feature_maps)
        height, width = (side // self.stride for side in x.shape[2:])
        tokens = output.last_hidden_state  # (B, others + H W, D)
        num_others = tokens.shape[1] - height * width
        if num_others < 0:
            raise ValueError(
                f'{type(self.model).__name__} gives {tokens.shape[1]} tokens for {height} x '
                f'{width} patches, and so no map; choose an encoder of whole images'
            )
        return rearrange(
            tokens[:, num_others:], 'b (h w) d -> b d h w', h=height, w=width
        ).contiguous()

    def _probe(self) -> None:
        """Reads channels and strides off a small image, and freezes what no map depends on.

        DDP refuses parameters that take no part in the loss, such as a mask token or a pooler.
        """
        patch = self.stride
        size = patch * 4 if 64 % patch else 64
        with torch.enable_grad():
            maps = self(next(self.model.parameters()).new_ones(1, 3, size, size))
            maps = maps if isinstance(maps, tuple) else (maps,)
            own = list(self.model.parameters())
            gradients = torch.autograd.grad(
                sum(one.float().sum() for one in maps), own, allow_unused=True
            )
        for parameter, gradient in zip(own, gradients, strict=True):
            parameter.requires_grad_(gradient is not None)
        self.out_channels = one_or_all([one.shape[1] for one in maps])
        self.stride = one_or_all([size // one.shape[2] for one in maps])


def _settings(name: str | None, changes: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    if name is not None:
        return AutoConfig.from_pretrained(name, **changes)
    kind = changes.pop('model_type', None)
    if kind is None:
        raise ValueError(
            'HuggingFaceBackbone needs a model; set model.backbone.name, or config.model_type for '
            'random weights'
        )
    return AutoConfig.for_model(kind, **changes)


def _depths_and_stages(model: nn.Module) -> tuple[dict[str, int], dict[str, int]]:
    """Returns parameter -> depth and parameter -> stage: 0 before the first block, last behind."""
    places = {name: _PLACE.search(name) for name, _ in model.named_parameters()}
    blocks = {name: (int(place[1]), int(place[2] or -1)) for name, place in places.items() if place}
    order = {block: depth for depth, block in enumerate(sorted(set(blocks.values())), 1)}
    last_stage = max((stage for stage, _ in blocks.values()), default=-1) + 1
    depths, stages = {}, {}
    for name in places:
        is_first = 'embed' in name or name.startswith(('pre_', 'stem'))
        if name in blocks:
            depths[name], stages[name] = order[blocks[name]], blocks[name][0] + 1
        else:
            depths[name] = 0 if is_first else len(order) + 1
            stages[name] = 0 if is_first else last_stage + 1
    return depths, stages
