"""Mixed precision on any device.

mmengine's ``AmpOptimWrapper`` asserts a GPU; this one also runs bfloat16 on CPUs, and it scales
losses only where float16 needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from torch import Tensor, nn
from torch.optim import Optimizer

from mmpose.engine.optim_wrapper import PoseOptimWrapper
from mmpose.registry import OPTIM_WRAPPERS

DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


@OPTIM_WRAPPERS.register_module()
class MixedPrecisionOptimWrapper(PoseOptimWrapper):
    """Runs the forward pass under autocast.

    Args:
        dtype: ``bfloat16``, ``float16`` (GPU only) or ``auto``: bfloat16 where the hardware has
            it, else float16.
        accumulative_counts: How many iterations share one optimizer step.
        clip_grad: Arguments of ``clip_grad_norm_``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        dtype: str = 'auto',
        accumulative_counts: int = 1,
        clip_grad: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(optimizer, accumulative_counts, clip_grad)
        self.device_type = torch.device(get_device()).type
        if dtype == 'auto':
            has_bf16 = self.device_type == 'cpu' or torch.cuda.is_bf16_supported()
            dtype = 'bfloat16' if has_bf16 else 'float16'
        if dtype not in DTYPES:
            raise ValueError(f"optim_wrapper.dtype is '{dtype}', expected one of {list(DTYPES)}")
        if dtype == 'float16' and self.device_type == 'cpu':
            raise ValueError('float16 training needs a GPU; set optim_wrapper.dtype=bfloat16')
        self.dtype = DTYPES[dtype]
        self.scaler = torch.amp.GradScaler(self.device_type, enabled=dtype == 'float16')

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of the forward pass: autocast, and no gradient sync while accumulating."""
        with super().optim_context(model), torch.autocast(self.device_type, self.dtype):
            yield

    def backward(self, loss: Tensor) -> None:  # type: ignore[override]
        """Back-propagates the (scaled) loss."""
        self.scaler.scale(loss).backward()
        self._inner_count += 1

    def step(self) -> None:  # type: ignore[override]
        """Clips the true gradients and steps, unless float16 overflowed."""
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Returns the optimizer's state with the loss scale."""
        return {**super().state_dict(), 'loss_scaler': self.scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores both; a checkpoint of full-precision training has no loss scale."""
        state = dict(state_dict)
        scaler = state.pop('loss_scaler', None)
        if scaler:
            self.scaler.load_state_dict(scaler)
        super().load_state_dict(state)
