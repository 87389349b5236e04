"""ViT with experts, of ViTPose+: part of each feed-forward layer belongs to one dataset."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.models.backbones.vit import ViT
from mmpose.registry import MODELS

# What ViTMoE takes besides the arguments of ViT.
EXPERT_OPTIONS = (
    'num_expert',
    'part_features',
    'default_dataset',
    'freeze_shared',
    'trained_expert',
    'new_expert_from',
)


class ExpertMlp(nn.Module):
    """A feed-forward part whose last output channels come from the expert of the sample's dataset.

    ViTPose++: vision transformer for generic body pose estimation, Xu et al. 2023, section 3.3.
    ``fc2`` and the chosen expert read the same hidden layer, so that both together are one plain
    ``fc2`` for that dataset.

    Args:
        dim: C, width of a token.
        hidden_dim: D, width between the layers.
        num_expert: E, number of experts.
        part_features: p, output channels of an expert; ``fc2`` gives the other C - p.
        drop: Dropout rate of the output.
    """

    def __init__(
        self, dim: int, hidden_dim: int, num_expert: int, part_features: int, drop: float = 0.0
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim - part_features)
        self.experts = nn.ModuleList(
            nn.Linear(hidden_dim, part_features) for _ in range(num_expert)
        )
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor, *group_sizes: int) -> Tensor:
        """Returns the transformed tokens, (B, T, C) like ``x``.

        Args:
            x: (B, T, C), samples of one dataset after those of another.
            group_sizes: Number of samples of each of the E datasets; together B.
        """
        groups = self.act(self.fc1(x)).split(group_sizes)
        outputs = [
            self._run_expert(expert, hidden)
            for expert, hidden in zip(self.experts, groups, strict=True)
            if len(hidden) or torch.is_grad_enabled()
        ]
        return self.drop(torch.cat(outputs) if len(outputs) > 1 else outputs[0])

    def _run_expert(self, expert: nn.Module, hidden: Tensor) -> Tensor:
        """Returns all channels (N, T, C) of the hidden layer (N, T, D) of one dataset.

        One product with the rows of ``fc2`` and of the expert together: putting weights side by
        side costs less than doing so with activations. An expert without a sample runs on nothing,
        which gives it a gradient of zeros; DDP waits for one from every parameter.
        """
        if len(hidden) == 0:
            return F.pad(expert(hidden), (self.fc2.out_features, 0))
        weight = torch.cat([self.fc2.weight, expert.weight])  # (C - p, D) and (p, D) -> (C, D)
        return F.linear(hidden, weight, torch.cat([self.fc2.bias, expert.bias]))


@MODELS.register_module()
class ViTMoE(ViT):
    """Vision transformer with one expert per dataset in every block, chosen by dataset index.

    Samples are brought into the order of their datasets once per pass, and every expert runs on
    its own samples. Arguments that are not listed are those of ``ViT``.

    Args:
        num_expert: E, number of datasets.
        part_features: Output channels of a feed-forward layer that belong to the expert; None is
            a quarter of ``embed_dim``, as in the published weights.
        default_dataset: Dataset of all samples when the caller names none, as in export and in
            inference for one dataset.
        freeze_shared: Train nothing but ``trained_expert``; the rest stays in eval mode.
        trained_expert: The expert to train with ``freeze_shared``.
        new_expert_from: Expert of a checkpoint whose weights start those that it lacks.

    Raises:
        ValueError: For sizes that do not fit each other, or an unknown option.
    """

    takes_dataset_idx = True

    def __init__(
        self,
        num_expert: int = 1,
        part_features: int | None = None,
        default_dataset: int | None = None,
        freeze_shared: bool = False,
        trained_expert: int | None = None,
        new_expert_from: int | None = None,
        embed_dim: int = 768,
        **kwargs: Any,
    ) -> None:
        # Before the base class, whose constructor makes the blocks and freezes them.
        self.num_expert = num_expert
        self.part_features = embed_dim // 4 if part_features is None else part_features
        self.default_dataset = 0 if default_dataset is None and num_expert == 1 else default_dataset
        self.freeze_shared = freeze_shared
        self.trained_expert = trained_expert
        self.new_expert_from = new_expert_from
        is_frozen = kwargs.get('frozen_stages', -1) >= 0
        is_frozen |= any(kwargs.get(name, False) for name in ('freeze_attn', 'freeze_ffn'))
        self._check_options(embed_dim, is_frozen)
        super().__init__(embed_dim=embed_dim, **kwargs)

    def forward(self, x: Tensor, dataset_idx: Tensor | None = None) -> Tensor:
        """Returns the feature map of a batch of images.

        Args:
            x: (B, C, h, w). Normalised images.
            dataset_idx: (B,) int64, the expert of each image. On the CPU it costs nothing to
                read; on another device it is waited for. None takes ``default_dataset``.

        Returns:
            (B, D, h / stride, w / stride), channels last, in the order of the images.

        Raises:
            ValueError: If there is no expert for an index, or no index.
        """
        indices = self._indices(dataset_idx, x.shape[0])
        group_sizes = [indices.count(expert) for expert in range(self.num_expert)]
        ordered = sorted(range(len(indices)), key=indices.__getitem__)
        if ordered == list(range(len(indices))):
            return self._encode(x, *group_sizes)
        order = torch.tensor(ordered)
        back = order.argsort().to(x.device, non_blocking=True)
        order = order.to(x.device, non_blocking=True)
        return self._encode(x.index_select(0, order), *group_sizes).index_select(0, back)

    def train(self, mode: bool = True) -> 'ViTMoE':
        """Sets training mode everywhere but in the frozen parts, which stay in eval mode."""
        super().train(mode)
        if self.freeze_shared:
            for part in self.children():
                part.eval()
            for block in self.blocks:
                block.mlp.experts[self.trained_expert].train(mode)
        return self

    def _make_mlp(self, dim: int, hidden_dim: int, drop: float) -> nn.Module:
        return ExpertMlp(dim, hidden_dim, self.num_expert, self.part_features, drop)

    def _freeze(self) -> None:
        super()._freeze()
        if self.freeze_shared:
            self.requires_grad_(False)
            for block in self.blocks:
                block.mlp.experts[self.trained_expert].requires_grad_(True)
            self.train(self.training)

    def _indices(self, dataset_idx: Tensor | None, num_samples: int) -> list[int]:
        """Returns the expert of each sample."""
        if dataset_idx is None:
            if self.default_dataset is None:
                raise ValueError(
                    f'a network with {self.num_expert} experts needs the dataset_idx of each '
                    'sample; give it, or set model.backbone.default_dataset'
                )
            return [self.default_dataset] * num_samples
        if dataset_idx.shape != (num_samples,):
            raise ValueError(
                f'dataset_idx has the shape {tuple(dataset_idx.shape)}, expected '
                f'({num_samples},), one index per sample'
            )
        indices = dataset_idx.tolist()
        for index in indices:
            if not 0 <= index < self.num_expert:
                raise ValueError(
                    f'dataset_idx is {index} but the model has {self.num_expert} experts, 0 to '
                    f'{self.num_expert - 1}; set model.backbone.num_expert to the number of '
                    'datasets'
                )
        return indices

    def _check_options(self, embed_dim: int, is_frozen: bool) -> None:
        if self.num_expert < 1:
            raise ValueError(f'model.backbone.num_expert is {self.num_expert}, expected 1 or more')
        if not 0 < self.part_features < embed_dim:
            raise ValueError(
                f'model.backbone.part_features is {self.part_features}, expected 1 to '
                f'{embed_dim - 1}, less than embed_dim'
            )
        for name in ('default_dataset', 'trained_expert'):
            index = getattr(self, name)
            if index is not None and not 0 <= index < self.num_expert:
                raise ValueError(
                    f'model.backbone.{name} is {index}, expected 0 to {self.num_expert - 1} for '
                    f'{self.num_expert} experts'
                )
        if self.freeze_shared != (self.trained_expert is not None):
            raise ValueError(
                f'model.backbone has freeze_shared={self.freeze_shared} and trained_expert='
                f'{self.trained_expert}; set both, to train one expert of a frozen network, or '
                'neither'
            )
        if self.freeze_shared and is_frozen:
            raise ValueError(
                'freeze_shared=True freezes all but one expert; remove frozen_stages, freeze_attn '
                'and freeze_ffn from model.backbone'
            )


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of the plain ViT that a ``ViTMoE`` is for one dataset."""
    plain = {key: value for key, value in config.items() if key not in EXPERT_OPTIONS}
    return {**plain, 'type': 'ViT'}
