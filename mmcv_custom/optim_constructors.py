"""Optimizer-wrapper constructors: layer-wise learning-rate decay, and rates by keyword."""

import copy
import re
from collections.abc import Iterator
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

OPTIONS = ('lr_mult', 'decay_mult')
# name parts that activation checkpointing and torch.compile put between modules
_WRAPPER_PARTS = re.compile(r'_checkpoint_wrapped_module\.|_orig_mod\.')
_QUESTIONS = ('get_layer_depth', 'num_layers', 'no_weight_decay')


class GroupedOptimWrapperConstructor:
    """Builds an optimizer wrapper from groups of parameters that a subclass makes.

    Each group holds ``group_name``, ``param_names`` and ``lr_scale`` besides what the optimizer
    reads. (mmengine's own constructor makes a group, and lines in the log, per parameter.) The log
    gets ``rule``, a few words of the subclass.

    Args:
        optim_wrapper_cfg: ``type`` (default OptimWrapper), ``optimizer`` with its ``lr``, and
            further arguments of the wrapper.

    Raises:
        ValueError: If there is no learning rate.
    """

    rule: str

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
        wrapper_cfg = {'type': 'OptimWrapper', **self.optim_wrapper_cfg}
        rates = [group['lr'] for group in groups]
        print_log(
            f'{self.rule}: {len(groups)} parameter groups, '
            f'learning rates {min(rates):.4g} to {max(rates):.4g}',
            logger='current',
        )
        return OPTIM_WRAPPERS.build(wrapper_cfg, default_args=dict(optimizer=optimizer))

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns the groups of a bare model, in first-seen order."""
        raise NotImplementedError

    def new_group(self, name: str, lr_scale: float, decay_scale: float) -> dict[str, Any]:
        """Returns an empty group.

        Args:
            name: Of the group.
            lr_scale: Factor on the base rate.
            decay_scale: Factor on the weight decay of the optimizer; 0 sets it to zero even where
                the optimizer has a default of its own.
        """
        group = dict(
            group_name=name,
            params=[],
            param_names=[],
            lr_scale=lr_scale,
            lr=lr_scale * self.optimizer_cfg['lr'],
        )
        if 'weight_decay' in self.optimizer_cfg:
            group['weight_decay'] = decay_scale * self.optimizer_cfg['weight_decay']
        elif decay_scale == 0:
            group['weight_decay'] = 0.0
        return group


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(GroupedOptimWrapperConstructor):
    """Builds an optimizer wrapper whose learning rate shrinks with the distance from the head.

    BEiT: BERT pre-training of image transformers, Bao et al. 2021. A parameter of depth ``d`` out
    of ``num_layers`` learns at ``lr * rate ** (num_layers - 1 - d)``. ``model.backbone`` answers
    for its own depths; whatever is outside the backbone has the last depth and the full rate.
    Vectors, biases and what the backbone exempts get no weight decay.

    Args:
        optim_wrapper_cfg: ``type`` (default OptimWrapper), ``optimizer`` with its ``lr``, and
            further arguments of the wrapper.
        paramwise_cfg: ``layer_decay_rate``, in (0, 1]; and ``num_layers``, the number of blocks
            that is counted from instead of the backbone's own: blocks beyond it learn faster than
            the head, as in the published configs of VLPose-L and VLPose-H.

    Raises:
        ValueError: For a missing or an unknown key.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None
    ) -> None:
        super().__init__(optim_wrapper_cfg)
        options = dict(paramwise_cfg or {})
        self.num_layers: int | None = options.pop('num_layers', None)
        self.layer_decay_rate = _layer_decay_rate(options)
        self.rule = f'layer decay {self.layer_decay_rate}'

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns one group per depth and kind of weight decay, in first-seen order.

        Args:
            model: Model whose ``backbone`` has ``get_layer_depth``, ``num_layers`` and
                ``no_weight_decay``. Frozen parameters are left out.
        """
        backbone = _backbone_of(model)
        last_depth = backbone.num_layers - 1
        num_layers = last_depth - 1 if self.num_layers is None else self.num_layers
        exempt = {f'backbone.{name}' for name in backbone.no_weight_decay()}
        groups: dict[str, dict[str, Any]] = {}
        for name, parameter in trained_parameters(model):
            depth = last_depth
            if name.startswith('backbone.'):
                depth = backbone.get_layer_depth(name.removeprefix('backbone.'))
            is_vector = parameter.ndim <= 1 or name.endswith('.bias')
            is_decayed = name not in exempt and not is_vector
            group_name = f'layer_{depth}_{"decay" if is_decayed else "no_decay"}'
            if group_name not in groups:
                distance = num_layers + 1 - depth if depth < last_depth else 0
                scale = self.layer_decay_rate**distance
                groups[group_name] = self.new_group(group_name, scale, float(is_decayed))
            groups[group_name]['params'].append(parameter)
            groups[group_name]['param_names'].append(name)
        return list(groups.values())


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class KeywordOptimWrapperConstructor(GroupedOptimWrapperConstructor):
    """Builds an optimizer wrapper with a learning rate and weight decay per keyword.

    A parameter takes the factors of the longest keyword that its name contains, and of that one
    only; without one it takes those of the optimizer. Frozen parameters are left out.

    Args:
        optim_wrapper_cfg: ``type`` (default OptimWrapper), ``optimizer`` with its ``lr``, and
            further arguments of the wrapper.
        paramwise_cfg: ``custom_keys``: keyword -> ``lr_mult`` and ``decay_mult``, 1 by default.

    Raises:
        ValueError: For a missing or an unknown key.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None
    ) -> None:
        super().__init__(optim_wrapper_cfg)
        self.keys = _custom_keys(paramwise_cfg)
        self.rule = f'rates by {", ".join(self.keys)}'

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns a group per keyword and one for the rest, in first-seen order.

        Raises:
            ValueError: If a keyword is in no name.
        """
        groups: dict[str, dict[str, Any]] = {}
        for name, parameter in trained_parameters(model):
            key = next((key for key in self.keys if key in name), 'rest')
            if key not in groups:
                factors = (self.keys.get(key, {}).get(option, 1.0) for option in OPTIONS)
                groups[key] = self.new_group(key, *factors)
            groups[key]['params'].append(parameter)
            groups[key]['param_names'].append(name)
        names = [name for group in groups.values() for name in group['param_names']]
        for key in self.keys:
            if not any(key in name for name in names):
                raise ValueError(
                    f"'{key}' is part of no name of a trained parameter; fix or remove it in "
                    'optim_wrapper.paramwise_cfg.custom_keys'
                )
        return list(groups.values())


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


def _layer_decay_rate(options: dict[str, Any]) -> float:
    rate = options.pop('layer_decay_rate', None)
    if options:
        raise ValueError(
            f'paramwise_cfg has {", ".join(sorted(options))}, but layer decay reads only '
            'layer_decay_rate and num_layers (the backbone tells the rest); remove them from '
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


def _custom_keys(paramwise_cfg: dict[str, Any] | None) -> dict[str, dict[str, float]]:
    """Returns the factors by keyword, the longest keyword first."""
    options = dict(paramwise_cfg or {})
    keys = options.pop('custom_keys', None)
    if options or not keys:
        raise ValueError(
            f'paramwise_cfg has {", ".join(sorted(paramwise_cfg or {})) or "nothing"}, expected '
            'exactly custom_keys; fix it in optim_wrapper.paramwise_cfg'
        )
    for key, factors in keys.items():
        unknown = [name for name in factors if name not in OPTIONS]
        if unknown:
            raise ValueError(
                f"'{key}' has {', '.join(unknown)}, expected lr_mult or decay_mult; fix it in "
                'optim_wrapper.paramwise_cfg.custom_keys'
            )
    return {key: dict(keys[key]) for key in sorted(sorted(keys), key=len, reverse=True)}
