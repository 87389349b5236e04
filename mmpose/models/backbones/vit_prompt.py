"""Visual prompt tuning: a plain vision transformer with prompt tokens, or trained in part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.init import trunc_normal_

from mmpose.models.backbones.vit import ViT
from mmpose.registry import MODELS

PROMPT_MODES = ('sp', 'dp')
TUNING_MODES = (*PROMPT_MODES, 'll', 'ff')
PROMPT_OPTIONS = ('tuning', 'num_tokens')
PROMPTS = ('prompt_embed', 'deep_prompt_embed')


@MODELS.register_module()
class ViTPrompt(ViT):
    """A ViT and how it is tuned (VPT, Jia et al., ECCV 2022; VLPose, arXiv 2402.14456).

    ``sp``: shallow prompts. Learned tokens pass through all blocks before those of the image; all
    else is frozen. ``dp``: deep prompts. Each block gets learned tokens of its own. ``ll``: the
    last block and the last norm are trained. ``ff``: everything is. Prompts have no position, and
    their outputs are not part of the feature map. Frozen parts stay in eval mode, that is without
    stochastic depth.

    Args:
        tuning: 'sp', 'dp', 'll' or 'ff'.
        num_tokens: Prompt tokens; published are 50, 20, 10 and 5 for S, B, L and H.

    All others are those of ``ViT`` but for ``frozen_stages``, which follows from ``tuning``.

    Raises:
        ValueError: For an unknown mode, or a number of tokens that does not fit it.
    """

    def __init__(
        self, tuning: str, num_tokens: int = 0, embed_dim: int = 768, depth: int = 12, **kwargs: Any
    ) -> None:
        _check_tuning(tuning, num_tokens)
        self.tuning = tuning
        self.num_tokens = num_tokens
        super().__init__(
            embed_dim=embed_dim,
            depth=depth,
            frozen_stages={'ff': -1, 'll': depth - 1}.get(tuning, depth),
            **kwargs,
        )
        if tuning in PROMPT_MODES:
            self.prompt_embed = nn.Parameter(torch.empty(1, num_tokens, embed_dim))
            trunc_normal_(self.prompt_embed, std=0.02)
        if tuning == 'dp' and depth > 1:
            self.deep_prompt_embed = nn.Parameter(torch.empty(depth - 1, num_tokens, embed_dim))
            trunc_normal_(self.deep_prompt_embed, std=0.02)

    def get_layer_depth(self, name: str) -> int:
        """Returns the depth of a parameter; prompts learn at the full rate, as the head does."""
        return self.depth + 1 if name in PROMPTS else super().get_layer_depth(name)

    def _transform(self, x: Tensor, *group_sizes: int) -> Tensor:
        if self.tuning not in PROMPT_MODES:
            return super()._transform(x, *group_sizes)
        if self.tuning == 'sp':
            return super()._transform(_put_before(self.prompt_embed, x))[:, self.num_tokens :]
        for i, block in enumerate(self.blocks):
            prompts = self.deep_prompt_embed[i - 1 : i] if i else self.prompt_embed
            x = self._run(block, _put_before(prompts, x))[:, self.num_tokens :]
        return x

    def _frozen_modules(self) -> list[nn.Module]:
        last = [self.last_norm] if self.tuning in PROMPT_MODES else []
        return super()._frozen_modules() + last


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of the plain ViT that a ``ViTPrompt`` is without its prompts."""
    plain = {key: value for key, value in config.items() if key not in PROMPT_OPTIONS}
    return {**plain, 'type': 'ViT'}


def _put_before(prompts: Tensor, x: Tensor) -> Tensor:
    """Returns prompts (1, n, D) and tokens (B, T, D) as one row, (B, n + T, D)."""
    return torch.cat((prompts.expand(len(x), -1, -1).to(x.dtype), x), dim=1)


def _check_tuning(tuning: str, num_tokens: int) -> None:
    if tuning not in TUNING_MODES:
        raise ValueError(
            f"model.backbone.tuning is '{tuning}', expected 'sp' or 'dp' (shallow or deep "
            "prompts), 'll' (last block) or 'ff' (everything)"
        )
    if (tuning in PROMPT_MODES) != (num_tokens > 0):
        wanted = 'at least 1' if tuning in PROMPT_MODES else '0, since it has no prompts'
        raise ValueError(
            f"model.backbone.num_tokens is {num_tokens}; tuning='{tuning}' takes {wanted}"
        )
