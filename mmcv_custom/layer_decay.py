"""Layer-wise learning-rate decay for a model with a backbone that knows its own depths."""

import copy
import re
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

# name parts that activation checkpointing and torch.compile put between modules
_WRAPPER_PARTS = re.compile(r'_checkpoint_wrapped_module\.|_orig_mod\.')
_QUESTIONS = ('get_layer_depth', 'num_layers', 'no_weight_decay')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor:
    """Builds an optimizer wrapper whose learning rate shrinks with the distance from the head.

    BEiT: BERT pre-training of image transformers, Bao et al. 2021. A parameter of depth ``d`` out
    of ``num_layers`` learns at ``lr * rate ** (num_layers - 1 - d)``. ``model.backbone`` answers
    for its own depths; whatever is outside the backbone has the last depth and the full rate.
    Vectors, biases and what the backbone exempts get no weight decay.

    Each group holds ``group_name``, ``param_names`` and ``lr_scale`` besides what the optimizer
    reads.

    Args:
        optim_wrapper_cfg: ``type`` (default OptimWrapper), ``optimizer`` with its ``lr``, and
            further arguments of the wrapper.
        paramwise_cfg: Exactly ``layer_decay_rate``, in (0, 1].

    Raises:
        ValueError: For a missing or an unknown key.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None
    ) -> None:
        self.layer_decay_rate = _layer_decay_rate(paramwise_cfg)
        self.optim_wrapper_cfg = copy.deepcopy(optim_wrapper_cfg)
        self.optimizer_cfg = self.optim_wrapper_cfg.pop('optimizer', None)
        if not self.optimizer_cfg or 'lr' not in self.optimizer_cfg:
            raise ValueError(
                'layer-wise learning rates need a base rate; set optim_wrapper.optimizer.lr'
            )

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Returns the wrapped optimizer of a model, distributed wrappers included."""
        groups = self.param_groups(getattr(model, 'module', model))
        optimizer = OPTIMIZERS.build(dict(self.optimizer_cfg, params=groups))
        wrapper_cfg = dict(self.optim_wrapper_cfg)
        wrapper_cfg.setdefault('type', 'OptimWrapper')
        rates = [group['lr'] for group in groups]
        print_log(
            f'layer decay {self.layer_decay_rate}: {len(groups)} parameter groups, '
            f'learning rates {min(rates):.4g} to {max(rates):.4g}',
            logger='current',
        )
        return OPTIM_WRAPPERS.build(wrapper_cfg, default_args=dict(optimizer=optimizer))

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns one group per depth and kind of weight decay, in first-seen order.

        Args:
            model: Model whose ``backbone`` has ``get_layer_depth``, ``num_layers`` and
                ``no_weight_decay``. Frozen parameters are left out.
        """
        backbone = _backbone_of(model)
        last_depth = backbone.num_layers - 1
        exempt = {f'backbone.{name}' for name in backbone.no_weight_decay()}
        groups: dict[str, dict[str, Any]] = {}
        for raw_name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            name = _WRAPPER_PARTS.sub('', raw_name)
            if '_fsdp_wrapped_module.' in name:
                raise ValueError(
                    'FullyShardedDataParallel flattens parameters, so that weights cannot be told '
                    'from biases; shard the model with torch.distributed.fsdp.fully_shard instead'
                )
            depth = last_depth
            if name.startswith('backbone.'):
                depth = backbone.get_layer_depth(name.removeprefix('backbone.'))
            is_vector = parameter.ndim <= 1 or name.endswith('.bias')
            is_decayed = name not in exempt and not is_vector
            group_name = f'layer_{depth}_{"decay" if is_decayed else "no_decay"}'
            if group_name not in groups:
                scale = self.layer_decay_rate ** (last_depth - depth)
                groups[group_name] = self._new_group(group_name, scale, is_decayed)
            groups[group_name]['params'].append(parameter)
            groups[group_name]['param_names'].append(name)
        if not groups:
            raise ValueError('every parameter is frozen, there is nothing to train')
        return list(groups.values())

    def _new_group(self, group_name: str, scale: float, is_decayed: bool) -> dict[str, Any]:
        group = dict(
            group_name=group_name,
            params=[],
            param_names=[],
            lr_scale=scale,
            lr=scale * self.optimizer_cfg['lr'],
        )
        if not is_decayed:
            group['weight_decay'] = 0.0
        elif 'weight_decay' in self.optimizer_cfg:
            group['weight_decay'] = self.optimizer_cfg['weight_decay']
        return group


def _layer_decay_rate(paramwise_cfg: dict[str, Any] | None) -> float:
    options = dict(paramwise_cfg or {})
    rate = options.pop('layer_decay_rate', None)
    if options:
        raise ValueError(
            f'paramwise_cfg has {", ".join(sorted(options))}, but layer decay reads only '
            'layer_decay_rate (the backbone tells depths and exemptions); remove the rest from '
            'optim_wrapper.paramwise_cfg'
        )
    if rate is None or not 0 < rate <= 1:
        raise ValueError(
            f'layer_decay_rate is {rate}, expected a number in (0, 1]; set '
            'optim_wrapper.paramwise_cfg.layer_decay_rate'
        )
    return float(rate)


def _backbone_of(model: nn.Module) -> nn.Module:
    backbone = getattr(model, 'backbone', None)
    missing = [name for name in _QUESTIONS if not hasattr(backbone, name)]
    if missing:
        raise ValueError(
            f'layer decay asks model.backbone for {", ".join(_QUESTIONS)}, but '
            f'{type(backbone).__name__} of {type(model).__name__} has no {", ".join(missing)}; '
            'use the default optim_wrapper.constructor'
        )
    return backbone
