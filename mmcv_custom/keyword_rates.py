"""Learning rates and weight decay by parts of parameter names, as mmcv's configs have them."""

from typing import Any

from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmcv_custom.param_groups import GroupedOptimWrapperConstructor, trained_parameters

OPTIONS = ('lr_mult', 'decay_mult')


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

    def describe(self) -> str:
        """Returns the keywords."""
        return f'rates by {", ".join(self.keys)}'

    def param_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Returns a group per keyword and one for the rest, in first-seen order.

        Raises:
            ValueError: If a keyword is in no name.
        """
        groups: dict[str, dict[str, Any]] = {}
        names = []
        for name, parameter in trained_parameters(model):
            names.append(name)
            key = next((key for key in self.keys if key in name), 'rest')
            if key not in groups:
                groups[key] = self._new_group(key)
            groups[key]['params'].append(parameter)
            groups[key]['param_names'].append(name)
        for key in self.keys:
            if not any(key in name for name in names):
                raise ValueError(
                    f"'{key}' is part of no name of a trained parameter; mend or remove it in "
                    'optim_wrapper.paramwise_cfg.custom_keys'
                )
        return list(groups.values())

    def _new_group(self, key: str) -> dict[str, Any]:
        factors = self.keys.get(key, {})
        scale = factors.get('lr_mult', 1.0)
        group = dict(
            group_name=key,
            params=[],
            param_names=[],
            lr_scale=scale,
            lr=scale * self.optimizer_cfg['lr'],
        )
        if 'weight_decay' in self.optimizer_cfg:
            decay = self.optimizer_cfg['weight_decay']
            group['weight_decay'] = factors.get('decay_mult', 1.0) * decay
        return group


def _custom_keys(paramwise_cfg: dict[str, Any] | None) -> dict[str, dict[str, float]]:
    """Returns the factors by keyword, the longest keyword first."""
    options = dict(paramwise_cfg or {})
    keys = options.pop('custom_keys', None)
    if options or not keys:
        raise ValueError(
            f'paramwise_cfg has {", ".join(sorted(paramwise_cfg or {})) or "nothing"}, expected '
            'exactly custom_keys; mend optim_wrapper.paramwise_cfg'
        )
    for key, factors in keys.items():
        unknown = [name for name in factors if name not in OPTIONS]
        if unknown:
            raise ValueError(
                f"'{key}' has {', '.join(unknown)}, expected lr_mult or decay_mult; mend it in "
                'optim_wrapper.paramwise_cfg.custom_keys'
            )
    return {key: dict(keys[key]) for key in sorted(sorted(keys), key=len, reverse=True)}
