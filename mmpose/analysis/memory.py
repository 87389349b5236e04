"""Memory of a training step, found without running it: live tensors of fake operators."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmpose.analysis.flops import build_model, deal_datasets, input_size
from mmpose.engine.amp import MixedPrecisionOptimWrapper
from mmpose.engine.runner import prefer_fused
from mmpose.models.pose_estimators.base import PoseEstimator

MIXED_PRECISION = MixedPrecisionOptimWrapper.__name__
GIGA = 1e9


@dataclass(frozen=True)
class StepMemory:
    """Memory of a training step.

    Attributes:
        peak: Bytes of all tensors that live at once, at most: weights, gradients, state of the
            optimizer, activations, the batch.
        resident: Bytes that stay between two steps.
        moved: Bytes that the operators of a step read and write.
    """

    peak: int
    resident: int
    moved: int


class LiveTensors(TorchDispatchMode):
    """Counter of the bytes of tensors while operators make them and Python lets them go.

    Attributes:
        now: Bytes at the moment.
        peak: Most bytes at a moment.
        moved: Bytes that operators have read and written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = self.moved = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def add(self, value: Any) -> None:
        """Counts the memory behind the tensors of a value, each once."""
        for tensor in _tensors(value):
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key in self._known:
                continue
            size = storage.nbytes()
            self._known[key] = weakref.ref(storage, lambda _, k=key, n=size: self._drop(k, n))
            self.now += size
        self.peak = max(self.peak, self.now)

    def _drop(self, key: int, size: int) -> None:
        del self._known[key]
        self.now -= size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.add(result)
        if not func.is_view and func.namespace != 'prim':  # as of the device of a tensor
            passed = (args, kwargs or {}, result)
            self.moved += sum(x.numel() * x.element_size() for x in _tensors(passed))
        return result


def _tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def measure_step_memory(cfg: Config, batch_size: int) -> StepMemory:
    """Measures what a training step keeps in memory, with the optimizer of a config.

    The operators are those of a CPU, whose attention keeps as little as that of a GPU; nothing is
    computed. What a device takes beside tensors (its context, workspaces, gaps between tensors) is
    not in it.

    Args:
        cfg: Config of a training.
        batch_size: Images of a step.
    """
    options = deepcopy(cfg.optim_wrapper.to_dict())
    for part in ('constructor', 'paramwise_cfg'):  # rates take no memory
        options.pop(part, None)
    prefer_fused(options['optimizer'])
    with torch.device('meta'):
        model = build_model(cfg.model.to_dict()).train()
    batch = make_batch(model, batch_size)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device='cpu')
        with DefaultScope.overwrite_default_scope('mmpose'):
            wrapper = build_optim_wrapper(model, options)
        if isinstance(wrapper, MixedPrecisionOptimWrapper):
            wrapper.device_type = 'cpu'
        with LiveTensors() as live:
            live.add([*model.parameters(), *model.buffers()])
            for _ in range(2):  # the first makes the state of the optimizer
                live.peak, live.moved = 0, 0
                model.train_step(batch, wrapper)
            wrapper.zero_grad()
    return StepMemory(live.peak, live.now, live.moved)


def report_step_memory(cfg: Config, batch_size: int | None = None) -> str:
    """Returns sentences on the memory of a training step, in float32 and in mixed precision.

    Args:
        cfg: Config of a training.
        batch_size: Images of a step; None for that of the config.
    """
    size = batch_size or cfg.train_dataloader.batch_size
    lines = [
        f'tensors of a training step of {size} images; the context and workspaces of a GPU come '
        'on top'
    ]
    for name, kind in (('fp32', 'OptimWrapper'), ('bf16 (--amp)', MIXED_PRECISION)):
        options = {**cfg.optim_wrapper.to_dict(), 'type': kind}
        options.pop('dtype', None)
        found = measure_step_memory(Config({**cfg.to_dict(), 'optim_wrapper': options}), size)
        lines.append(
            f'{name}: {found.peak / GIGA:.2f} GB at most, {found.resident / GIGA:.2f} GB between '
            f'two steps; operators read and write {found.moved / GIGA:.1f} GB'
        )
    return '\n'.join(lines)


def make_batch(model: PoseEstimator, batch_size: int) -> dict[str, Any]:
    """Returns a batch in the format of the loader, of black images."""
    width, height = input_size(model)
    num_keypoints = max(head.num_keypoints for head in model.all_heads())
    return {
        'inputs': torch.zeros(batch_size, model.num_channels, height, width, dtype=torch.uint8),
        'batch': {
            'keypoints': torch.zeros(batch_size, num_keypoints, 2),
            'keypoints_visible': torch.ones(batch_size, num_keypoints),
            'dataset_idx': deal_datasets(model, batch_size),
        },
    }
