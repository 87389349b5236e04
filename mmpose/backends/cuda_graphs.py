"""CUDA graphs: all kernels of a small batch are launched at once, from a recording."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmpose.models.pose_estimators.base import PoseEstimator

# Batches are filled up to the next size; in a larger one launching takes less time than computing.
SIZES = (1, 2, 4, 8, 16, 32)
WARM_UPS = 3  # after which libraries have chosen their kernels and taken their memory
NO_GPU = (
    'CUDA graphs save the time of launching kernels on a GPU, and a CPU launches none; leave out '
    'cuda_graphs'
)

Function = Callable[..., Any]
Recording = tuple[Any, Tensor, Any]  # the graph, what it reads and what it writes


class CudaGraphs:
    """Runs a function of a batch by CUDA graphs, one for each of a few sizes of batches.

    A GPU computes a small batch sooner than Python can launch its kernels one by one. A graph
    reads the weights where they are, so changed values count at once; weights in other places, and
    another ``flip_test``, are recorded anew. Modules may not be replaced after the first batch.

    Attributes:
        problem: Why the function runs as it is, once it could not be recorded; else None.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._recordings: dict[tuple[Any, ...], Recording] = {}
        self._slots: list[tuple[dict[str, Any], str]] = []  # of the weights in their modules
        self._places = 0

    def __getstate__(self) -> dict[str, Any]:
        """Returns what copies and pickles get: no recordings, which belong to one process."""
        return {**vars(self), '_recordings': {}, '_slots': []}

    def __call__(
        self, function: Function, model: PoseEstimator, batch: Tensor, *options: Any
    ) -> Any:
        """Returns ``function(batch, *options)``.

        Args:
            function: Returns tensors (B, ...), None, or dataclasses of them, of one row of the
                batch each, and reads nothing back from the GPU.
            model: What it computes with; its ``flip_test`` and the places of its weights count.
            batch: (B, ...) on a GPU.
            options: Small values, each of which has recordings of its own.
        """
        size = next((size for size in SIZES if size >= len(batch)), None)
        if self.problem is not None or size is None or not len(batch):
            return function(batch, *options)
        if not self._slots:  # to walk through the modules takes about as long as a small batch
            self._slots = weight_slots(model)
        places = hash((model.flip_test, *(owner[name].data_ptr() for owner, name in self._slots)))
        if places != self._places:
            self._recordings, self._places = {}, places
        key = (batch.device, size, *batch.shape[1:], *options)
        with torch.cuda.device(batch.device):
            if key not in self._recordings:
                try:
                    self._recordings[key] = record(function, _filled(batch, size), *options)
                except RuntimeError as error:  # as CUDA's errors are
                    self.problem = str(error).strip().partition('\n')[0]
                    warnings.warn(f'batches run without CUDA graphs: {self.problem}', stacklevel=2)
                    return function(batch, *options)
            graph, inputs, outputs = self._recordings[key]
            inputs[: len(batch)].copy_(batch)
            graph.replay()
            return _first_rows(outputs, len(batch))


def weight_slots(model: nn.Module) -> list[tuple[dict[str, Any], str]]:
    """Returns where modules keep their parameters and buffers: dicts and the names in them."""
    return [
        (owner, name)
        for module in model.modules()
        for owner in (module._parameters, module._buffers)
        for name, tensor in owner.items()
        if tensor is not None
    ]


def record(function: Function, inputs: Tensor, *options: Any) -> Recording:
    """Records ``function(inputs, *options)`` on the current GPU.

    Other threads, such as a detector's, may go on with the GPU meanwhile.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            function(inputs, *options)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode='thread_local'):
        outputs = function(inputs, *options)
    return graph, inputs, outputs


def _filled(batch: Tensor, size: int) -> Tensor:
    """Returns a copy of a batch (B, ...) with zeros behind it, (size, ...)."""
    inputs = batch.new_zeros(size, *batch.shape[1:])
    inputs[: len(batch)].copy_(batch)
    return inputs


def _first_rows(value: Any, num: int) -> Any:
    """Returns copies of the first rows, which the next replay leaves alone."""
    if isinstance(value, Tensor):
        return value[:num].clone()
    if value is None:
        return None
    names = [field.name for field in dataclasses.fields(value)]
    return dataclasses.replace(
        value, **{name: _first_rows(getattr(value, name), num) for name in names}
    )
