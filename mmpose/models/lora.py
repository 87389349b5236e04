"""Low-rank adapters (LoRA): small trained matrices beside frozen linear layers of a backbone."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.checkpoints.lora import merged_weight

DEFAULT_TARGETS = ('qkv', 'proj', 'fc1', 'fc2')  # of the blocks of our ViT, timm's and Swin


class LoRALinear(nn.Linear):
    """Linear layer with a low-rank change of its frozen weight.

    LoRA: low-rank adaptation of large language models, Hu et al. 2021, eq. 3: the output is
    ``W x + b + alpha / rank * B A x``. ``B`` starts at zero, so that the layer starts as it was.
    Weight and bias keep their names, the rest is named as in loralib.

    Args:
        linear: The layer, whose parameters are taken over and frozen.
        rank: Rows of ``A`` and columns of ``B``.
        alpha: Scale of the change, over the rank.
        dropout: Dropout rate of the input of ``A``.
    """

    lora_scale: Tensor

    def __init__(self, linear: nn.Linear, rank: int, alpha: float, dropout: float) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.lora_A = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.lora_B = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        # in the state, so that a checkpoint can be merged without its config
        self.register_buffer('lora_scale', linear.weight.new_tensor(alpha / rank))
        self.lora_dropout = dropout
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def forward(self, input: Tensor) -> Tensor:
        """Returns the outputs (..., out) of inputs (..., in)."""
        given = F.dropout(input, self.lora_dropout, self.training)
        change = F.linear(F.linear(given, self.lora_A), self.lora_B)  # (..., in) -> (..., out)
        return F.linear(input, self.weight, self.bias) + self.lora_scale * change

    def merged(self) -> nn.Linear:
        """Returns a plain layer with the same outputs; this one stays as it is."""
        plain = nn.Linear(self.in_features, self.out_features, bias=False, device='meta')
        weight = merged_weight(self.weight, self.lora_A, self.lora_B, self.lora_scale)
        plain.weight, plain.bias = nn.Parameter(weight.detach()), self.bias
        return plain.train(self.training)


def add_lora(
    backbone: nn.Module,
    rank: int = 8,
    alpha: float = 16,
    dropout: float = 0.0,
    targets: Sequence[str] | None = None,
) -> None:
    """Freezes a backbone and puts low-rank adapters beside its linear layers.

    Args:
        backbone: Changed in place.
        rank, alpha, dropout: See ``LoRALinear``.
        targets: Last parts of the names of the layers; None takes those of ``DEFAULT_TARGETS``
            that there are.

    Raises:
        ValueError: If the rank or a rate is impossible, or no layer has a name of ``targets``.
    """
    if rank < 1 or not 0 <= dropout < 1 or isinstance(targets, str):
        raise ValueError(
            f'model.lora has rank={rank}, dropout={dropout} and targets={targets!r}; expected a '
            'rank from 1, a rate in [0, 1) and a list of names'
        )
    layers = {
        name: module for name, module in backbone.named_modules() if type(module) is nn.Linear
    }
    last_parts = {name.rpartition('.')[2] for name in layers}
    wanted = set(DEFAULT_TARGETS) & last_parts if targets is None else set(targets)
    if not wanted or wanted - last_parts:
        missing = ', '.join(sorted(wanted - last_parts) or DEFAULT_TARGETS)
        raise ValueError(
            f'{type(backbone).__name__} has no linear layers named {missing}, but '
            f'{", ".join(sorted(last_parts)) or "none at all"}; set model.lora.targets'
        )
    if 'fc2' in wanted and getattr(backbone, 'takes_dataset_idx', False):
        raise ValueError(
            f'the experts of {type(backbone).__name__} read the weights of fc2, past its adapters; '
            "set model.lora.targets=('qkv','proj','fc1')"
        )
    backbone.requires_grad_(False)
    for name, layer in layers.items():
        place, _, last = name.rpartition('.')
        if last in wanted:
            setattr(backbone.get_submodule(place), last, LoRALinear(layer, rank, alpha, dropout))


def merge_lora(model: nn.Module) -> int:
    """Replaces adapted layers by plain ones with the same outputs; returns how many.

    Weights that the model shares with another one are not changed in place.
    """
    found = [(name, one) for name, one in model.named_modules() if isinstance(one, LoRALinear)]
    for name, layer in found:
        place, _, last = name.rpartition('.')
        setattr(model.get_submodule(place), last, layer.merged())
    return len(found)
