"""Optimizer wrapper whose gathered gradients survive a resume."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmpose.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module(name='OptimWrapper')
class PoseOptimWrapper(OptimWrapper):
    """mmengine's wrapper, which counts iterations from the last step of the optimizer.

    A run that resumes within a window of ``accumulative_counts`` iterations finishes that window;
    mmengine's loses the gradients gathered so far and says so.
    """

    num_pending = 0
    grad_norm: Tensor | None = None  # of the last step, on the device; the log takes it

    def _clip_grad(self) -> None:
        """Clips the gradients; mmengine's way reads their norm back in each iteration."""
        groups = self.optimizer.param_groups
        parameters = [p for group in groups for p in group['params'] if p.grad is not None]
        if parameters:
            self.grad_norm = self.clip_func(parameters, **self.clip_grad_kwargs)

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Counts from the last step, with the iterations whose gradients have been restored.

        Args:
            init_counts: Finished iterations.
            max_counts: Iterations at the end of the training, where a shorter window ends.
        """
        left = max_counts - init_counts
        super().initialize_count_status(model, 0, left + self.num_pending)
        self._inner_count = self.num_pending

    def accumulation_state(self, model: nn.Module) -> dict[str, Any]:
        """Gradients gathered since the last step of the optimizer, for a checkpoint.

        A collective where there are several ranks: each of them gets the mean, here and in the
        model, so that the run goes on from what it has saved.

        Returns:
            ``accumulative_counts``, ``num_pending`` and ``gradients`` by name; empty after a step.
        """
        pending = self._inner_count % self._accumulative_counts
        if not pending or self._inner_count == self._max_counts:
            return {}
        return {
            'accumulative_counts': self._accumulative_counts,
            'num_pending': pending,
            'gradients': _shared_gradients(model),
        }

    def restore_accumulation(self, model: nn.Module, state: dict[str, Any]) -> str | None:
        """Puts gathered gradients back.

        Args:
            state: From :meth:`accumulation_state`.

        Returns:
            Why they are left out, if the windows have another length now.
        """
        if not state:
            return None
        then, now = state['accumulative_counts'], self._accumulative_counts
        if then != now:
            return (
                f'optim_wrapper.accumulative_counts is {now} instead of {then}, so the gradients '
                f'of {state["num_pending"]} iterations that were gathered are left out'
            )
        parameters = dict(model.named_parameters())
        for name, gradient in state['gradients'].items():
            parameters[name].grad = _like(parameters[name], gradient)
        self.num_pending = state['num_pending']
        return None


def _shared_gradients(model: nn.Module) -> dict[str, Tensor]:
    """Gradients by parameter name; those of ranks that have not met yet are averaged, in place."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    is_spread = dist.is_initialized() and dist.get_world_size() > 1
    if any(hasattr(parameter, 'full_tensor') for _, parameter in named):
        return {n: p.grad.full_tensor() for n, p in named if p.grad is not None}
    if is_spread:
        # a rank may have seen no sample of a head, so it is asked first who has what
        present = torch.tensor([p.grad is not None for _, p in named], dtype=torch.int32)
        present = present.to(named[0][1].device)
        dist.all_reduce(present)
        for (_, parameter), count in zip(named, present.tolist(), strict=True):
            if not count:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()
    return {name: p.grad for name, p in named if p.grad is not None}


def _like(parameter: nn.Parameter, gradient: Tensor) -> Tensor:
    """A gradient on the device of its parameter, spread over the ranks as that is."""
    gradient = gradient.to(parameter.device, parameter.dtype)
    if not hasattr(parameter, 'full_tensor'):
        return gradient
    from torch.distributed.tensor import distribute_tensor  # torch >= 2.5

    return distribute_tensor(gradient, parameter.device_mesh, parameter.placements)
