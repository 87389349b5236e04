"""Cache of the features that a text encoder makes of texts, while its weights cannot change."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor, nn

Features = Tensor | tuple[Tensor, ...]
_MAX_ENTRIES = 256  # far above the texts of any config; bounds a server that is sent free text


class TextCache(nn.Module):
    """Cache of the features of texts while the weights that make them cannot change.

    It is a module without parameters, so that the model around it tells it when to forget: on
    ``train()`` and ``eval()``, on ``load_state_dict`` and on every change of device or dtype. It
    has no names in the state. Make it an attribute of the module that computes the features.

    Features are kept in eval mode and without gradients only. Inside a frozen module, which is
    always in eval mode, they are thus kept during training, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._features: dict[Hashable, Features] = {}

    def get(self, key: Hashable, compute: Callable[[], Features]) -> Features:
        """Returns the features of a text, from memory if they are known.

        Args:
            key: What the features depend on besides the weights: the text, its token ids, ...
            compute: Makes the features.
        """
        if self.training or torch.is_grad_enabled():
            return compute()
        # half precision features must not reach code that runs in full precision later on
        key = (key, torch.is_autocast_enabled(), torch.is_autocast_cpu_enabled())
        if key not in self._features:
            if len(self._features) >= _MAX_ENTRIES:
                self._features.pop(next(iter(self._features)))
            self._features[key] = compute()
        return self._features[key]

    def clear(self) -> None:
        """Forgets everything, for code that changes weights in place while in eval mode."""
        self._features.clear()

    def __len__(self) -> int:
        return len(self._features)

    def train(self, mode: bool = True) -> 'TextCache':
        """Forgets everything, since weights may change from here on or just did."""
        self.clear()
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'TextCache':
        self.clear()
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args: object) -> None:
        self.clear()
        super()._load_from_state_dict(*args)
