"""What the constructors of optimizer wrappers share: parameters in a few groups with own rates."""

import copy
import re
from collections.abc import Iterator
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

# name parts that activation checkpointing and torch.compile put between modules
_WRAPPER_PARTS = re.compile(r'_checkpoint_wrapped_module\.|_orig_mod\.')


class GroupedOptimWrapperConstructor:
    """Builds an optimizer wrapper from groups of parameters that a subclass makes.

    Each group holds ``group_name``, ``param_names`` and ``lr_scale`` besides what the optimizer
    reads. (mmengine's own constructor makes a group, and lines in the log, per parameter.)

    Args:
        optim_wrapper_cfg: ``type`` (default OptimWrapper), ``optimizer`` with its ``lr``, and
            further arguments of the wrapper.

    Raises:
        ValueError: If there is no learning rate.
    """

    def __init__(self, optim_wrapper_cfg: dict[str, Any]) -> None:
        self.optim_wrapper_cfg = copy.deepcopy(optim_wrapper_cfg)
        self.optimizer_cfg = self.optim_wrapper_cfg.pop('optimizer', None)
        if not self.optimizer_cfg or 'lr' not in self.optimizer_cfg:
            raise ValueError(
                'rates of parameter groups need a base rate; set optim_wrapper.optimizer.lr'
            )

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Returns the wrapped optimizer of a model, distributed wrappers included."""
        groups = self.param_groups(getattr(model, 'module', model))
        optimizer = OPTIMIZERS.build(dict(self.optimizer_cfg, params=groups))
        wrapper_cfg = dict(self.optim_wrapper_cfg)
        wrapper_cfg.setdefault('type', 'OptimWrapper')
        rates = [group['lr'] for group in groups]
        print_log(
            f'{self.describe()}: {len(groups)} parameter groups, '
            f'learning rates {min(rates):.4g} to {max(rates):.4g}',
            logger='current',
        )
        return OPTIM_WRAPPERS.build(wrapper_cfg, default_args=dict(optimizer=optimizer))

    def describe(self) -> str:
        """Returns the rule in a few words, for the log."""
        raise NotImplementedError

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns the groups of a bare model, in first-seen order."""
        raise NotImplementedError


def trained_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yields the parameters of a model that are not frozen, by the names in its state.

    Raises:
        ValueError: If there are none, or they are flattened, so that names say nothing.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError('every parameter is frozen, there is nothing to train')
    for raw_name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        name = _WRAPPER_PARTS.sub('', raw_name)
        if '_fsdp_wrapped_module.' in name:
            raise ValueError(
                'FullyShardedDataParallel flattens parameters, so that weights cannot be told '
                'from biases; shard the model with torch.distributed.fsdp.fully_shard instead'
            )
        yield name, parameter
