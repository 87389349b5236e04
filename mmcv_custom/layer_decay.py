"""Layer-wise learning-rate decay for a model with a backbone that knows its own depths."""

from typing import Any

from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmcv_custom.param_groups import GroupedOptimWrapperConstructor, trained_parameters

_QUESTIONS = ('get_layer_depth', 'num_layers', 'no_weight_decay')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(GroupedOptimWrapperConstructor):
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
        super().__init__(optim_wrapper_cfg)
        self.layer_decay_rate = _layer_decay_rate(paramwise_cfg)

    def describe(self) -> str:
        """Returns the rate of the decay."""
        return f'layer decay {self.layer_decay_rate}'

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
        for name, parameter in trained_parameters(model):
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
