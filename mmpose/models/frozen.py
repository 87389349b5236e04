"""Freezing: parts of a network that do not learn and stay in eval mode while the rest trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from torch import nn

Self = TypeVar('Self', bound='FrozenParts')


class FrozenParts(nn.Module):
    """Base of modules that may have frozen parts, which a subclass names in ``_frozen_modules``."""

    def train(self: Self, mode: bool = True) -> Self:
        """Sets training mode everywhere but in the frozen parts, which stay in eval mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def _frozen_modules(self) -> Iterable[nn.Module]:
        """Returns the parts that do not learn, as long as they do not."""
        return []

    def _freeze(self) -> None:
        """Freezes the parts, once a constructor has built them."""
        for module in self._frozen_modules():
            module.requires_grad_(False).eval()


class _StayInEval:
    """Replacement of ``train`` of a frozen module; a class, so that copies work."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, mode: bool = True) -> nn.Module:
        """Puts the module in eval mode, whatever was asked for."""
        return type(self.module).train(self.module, False)


def freeze(module: nn.Module, keep_eval: bool = True) -> nn.Module:
    """Stops a module from learning and returns it; the names in its state stay.

    Its parameters need no gradient. It is put in eval mode and stays there when ``train()`` of a
    model around it is called, so that dropout, stochastic depth and batch statistics are off.

    Args:
        module: Any module. Freezing it twice does no harm.
        keep_eval: False lets it follow ``train()``, as the published training code of many
            language-vision models does: their frozen text encoders drop tokens while training.
    """
    module.requires_grad_(False).eval()
    if keep_eval:
        module.train = _StayInEval(module)  # type: ignore[method-assign, assignment]
    return module
