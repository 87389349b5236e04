"""Freezing: parts of a model that rest during the first epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mmpose.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Freezes parts of the model for the first epochs, batch norm statistics included.

    A new head has random weights, whose gradients would spoil a pre-trained backbone before the
    head has learned anything. What is frozen follows from the epoch alone, so that a resumed run
    freezes the same. What never trains, such as the backbone below adapters, stays frozen.

    Args:
        until: Beginning of the names of parameters -> epochs for which they are frozen, such as
            ``{'backbone': 5}``; of several that fit the longest counts.
    """

    def __init__(self, until: Mapping[str, int]) -> None:
        wrong = {name: epochs for name, epochs in until.items() if not is_count(epochs)}
        if wrong or not until:
            raise ValueError(
                f'until of FreezeHook is {dict(until)}, expected names of parts with the number of '
                "epochs for which they are frozen, such as {'backbone': 5}"
            )
        self.until = dict(until)
        self._parts: dict[str, list[nn.Parameter]] = {}

    def before_train(self, runner: Runner) -> None:
        """Finds the parameters.

        Raises:
            ValueError: If a name is not the beginning of any, or the parameters are sharded.
        """
        if hasattr(runner.model, 'reshard'):
            raise ValueError("FreezeHook cannot unfreeze with strategy='fsdp'; set strategy='ddp'")
        self._parts = {name: [] for name in self.until}
        trained = [
            (name, one) for name, one in runner.bare_model.named_parameters() if one.requires_grad
        ]
        for name, parameter in trained:
            fitting = [part for part in self.until if f'{name}.'.startswith(f'{part}.')]
            if fitting:
                self._parts[max(fitting, key=len)].append(parameter)
        for part, parameters in self._parts.items():
            if not parameters:
                first = sorted({name.partition('.')[0] for name, _ in trained})
                raise ValueError(
                    f"until of FreezeHook has '{part}', but the parts that train are "
                    f'{", ".join(first)} and what is below them; fix it in custom_hooks'
                )

    def before_train_epoch(self, runner: Runner) -> None:
        """Freezes or unfreezes what the epoch asks for."""
        changed = []
        for part, parameters in self._parts.items():
            trains = runner.epoch >= self.until[part]
            if parameters[0].requires_grad != trains:
                changed.append(f'{part} {"trains" if trains else "is frozen"}')
            for parameter in parameters:
                parameter.requires_grad_(trains)
        if not changed:
            return
        if not any(one.requires_grad for one in runner.bare_model.parameters()):
            raise ValueError(
                f'FreezeHook freezes every part in epoch {runner.epoch + 1}; leave one out of until'
            )
        runner.logger.info(f'from epoch {runner.epoch + 1} on: {", ".join(changed)}')
        runner.bare_model.rests_frozen_norms = True
        runner.rewrap_model()


def is_count(value: object) -> bool:
    """Tells whether a value is a whole number of at least 1."""
    return type(value) is int and value >= 1
