"""Parts of a network that stay as they are while the rest learns."""

from torch import nn


class _StayInEval:
    """What ``train`` of a frozen module is replaced by; a class, so that copies work."""

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
