"""Base of the backbones that other libraries build: depths of parameters, frozen stages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmpose.models.frozen import FrozenParts

T = TypeVar('T')


class ForeignBackbone(FrozenParts):
    """Backbone around a ``model`` of another library, which gives one feature map or several.

    Attributes:
        out_channels: Channels of the map; a tuple for several maps.
        stride: Input px per cell of the map; a tuple for several maps.
    """

    model: nn.Module
    out_channels: int | tuple[int, ...]
    stride: int | tuple[int, ...]

    def _set_stages(
        self,
        depths: Mapping[str, int],
        stages: Mapping[str, int],
        frozen_stages: int,
        norm_eval: bool,
    ) -> None:
        """Takes depths and stages of the parameters of ``model``, and freezes the first stages.

        Args:
            depths: Parameter of ``model`` -> its depth for layer decay, from 0.
            stages: The same -> its stage, 0 for the stem.
            frozen_stages: -1 trains everything, 0 freezes the stem, n the first n stages too.
            norm_eval: Whether batch norms keep their statistics during training.
        """
        last = max(stages.values())
        if not -1 <= frozen_stages <= last:
            raise ValueError(
                f'model.backbone.frozen_stages is {frozen_stages}, expected -1 to {last}'
            )
        self._depths = {f'model.{name}': depth for name, depth in depths.items()}
        self._norm_eval = norm_eval
        for name, parameter in self.model.named_parameters():
            if stages[name] <= frozen_stages:
                parameter.requires_grad_(False)
        self._frozen_names = [  # of modules, which a change to SyncBatchNorm replaces
            name
            for name, module in self.model.named_modules()
            if (own := list(module.parameters())) and not any(p.requires_grad for p in own)
        ]

    def _frozen_modules(self) -> list[nn.Module]:
        norms = [one for one in self.modules() if isinstance(one, _BatchNorm)]
        frozen = [self.model.get_submodule(name) for name in self._frozen_names]
        return frozen + norms if self._norm_eval else frozen

    @property
    def num_layers(self) -> int:
        """Number of depths for layer-wise learning rates, one of them for the head behind."""
        return max(self._depths.values()) + 2

    def get_layer_depth(self, name: str) -> int:
        """Returns the depth of a parameter.

        Args:
            name: Parameter name relative to the backbone, e.g. 'model.blocks.3.norm1.weight'.

        Raises:
            ValueError: If the backbone has no such parameter.
        """
        name = re.sub(r'\.lora_[AB]$', '.weight', name)
        if name not in self._depths:
            raise ValueError(f"{type(self).__name__} has no parameter '{name}'")
        return self._depths[name]

    def no_weight_decay(self) -> set[str]:
        """Returns the names of parameters without weight decay, besides biases and norms."""
        exempt = getattr(self.model, 'no_weight_decay', set)()
        return {f'model.{name}' for name in exempt}


def one_or_all(values: list[T]) -> T | tuple[T, ...]:
    """Returns the only value of a list, or a tuple of several."""
    return values[0] if len(values) == 1 else tuple(values)


def contiguous(maps: list[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """Returns feature maps (B, C, H, W), one alone or several as a tuple, contiguous."""
    return one_or_all([one.contiguous() for one in maps])
