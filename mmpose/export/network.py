"""Exported networks: normalised crops in, heatmaps or keypoints out."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mmpose.backends.packed import fuse_batch_norms
from mmpose.models import TopdownPoseEstimator

Outputs = tuple[Tensor, ...]
FLIPS = 'model.flip_indices'


class PoseProgram(nn.Module):
    """One model, as it is exported.

    Args:
        model: In eval mode; ``model.flip_test`` says whether the mirrored crops run too.
        decoded: Whether the heatmaps are decoded.
        dtype: In which the network computes. Inputs, outputs and decoding are float32.
    """

    def __init__(
        self, model: TopdownPoseEstimator, decoded: bool, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        # The backend of the model, which may hold what cannot be copied, stays behind.
        self.model = copy.deepcopy(model, {id(model.backend): None})
        fuse_batch_norms(self.model)
        self.model.to(dtype).requires_grad_(False)
        self.decoded = decoded
        self.dtype = dtype

    def forward(self, input: Tensor) -> Outputs:
        """Returns heatmaps (B, C, H, W), or keypoints (B, K, 2), in px, and scores (B, K).

        Scores are raw, also of a calibrated model. Visibilities (B, K, 3) of a visibility head are
        the last output.

        Args:
            input: (B, 3, h, w), normalised.
        """
        output, visibility = self.model.predict_outputs(input.to(self.dtype))
        heatmaps = output.float()
        found = self.model.head.decode(heatmaps) if self.decoded else (heatmaps,)
        return found if visibility is None else (*found, visibility.float())


class SwitchedProgram(nn.Module):
    """The models of several datasets in one program, which share what is equal in all.

    An index chooses weights, so a call costs what one model costs. Channels of smaller skeletons
    are filled up at the end.

    Args:
        models: One per dataset, as ``MultiHeadPoseEstimator.single`` gives them.

    Raises:
        ValueError: If the models differ in more than their weights and numbers of keypoints.
    """

    def __init__(
        self,
        models: Sequence[TopdownPoseEstimator],
        decoded: bool,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        programs = [PoseProgram(model, decoded, dtype) for model in models]
        largest = max(programs, key=lambda program: program.model.head.num_keypoints)
        wanted = _tensors_of(largest)
        states = [_filled_up(_tensors_of(program), wanted) for program in programs]
        # A tuple hides the module: its own weights are not part of the exported program.
        self._hidden = (largest,)
        self._names: dict[str, str] = {}
        for name in wanted:
            key = name.replace('.', '__')
            common, own = _common_rows([state[name] for state in states])
            self.register_buffer(f'{key}__common', common)
            if own is not None:
                self.register_buffer(f'{key}__own', own)
            self._names[name] = key

    def forward(self, input: Tensor, dataset_idx: Tensor) -> Outputs:
        """Returns what ``PoseProgram`` gives for one of the datasets.

        Args:
            input: (B, 3, h, w), normalised.
            dataset_idx: (1,) int64, the dataset of all crops.
        """
        weights = {name: self._choose(key, dataset_idx) for name, key in self._names.items()}
        return functional_call(self._hidden[0], weights, (input,))

    def _choose(self, key: str, dataset_idx: Tensor) -> Tensor:
        common, own = getattr(self, f'{key}__common'), getattr(self, f'{key}__own', None)
        if own is None:
            return common
        rows = own.index_select(0, dataset_idx)[0]  # (D, n, ...) -> (n, ...)
        return torch.cat([common, rows]) if len(common) else rows


def _tensors_of(program: PoseProgram) -> dict[str, Tensor]:
    """Returns what the forward pass reads."""
    tensors = {name: x.data for name, x in program.named_parameters()}
    return tensors | {FLIPS: program.model.flip_indices}


def _filled_up(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of a model with as many keypoints as the largest one."""
    grows = ('model.head.final_layer.weight', 'model.head.final_layer.bias', FLIPS)
    differing = sorted(state.keys() ^ wanted.keys()) + [
        name
        for name, target in wanted.items()
        if name in state and state[name].shape[name in grows :] != target.shape[name in grows :]
    ]
    if differing:
        raise ValueError(
            f"the heads of the datasets differ in their layers ('{differing[0]}'), so one program "
            'cannot hold them all; export them one by one with --dataset'
        )
    filled = {}
    for name, target in wanted.items():
        given = state[name]
        rest = torch.zeros_like(target[len(given) :])
        if name == FLIPS:  # added keypoints are their own partners
            rest += torch.arange(len(given), len(target))
        filled[name] = torch.cat([given, rest])
    return filled


def _common_rows(tensors: list[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Returns the first rows (m, ...), equal in all tensors, and the others (D, n, ...), if any."""
    stacked = torch.stack(tensors)  # (D, m + n, ...)
    differs = (stacked != stacked[0]).any(0)  # (m + n, ...)
    differs = differs.reshape(len(differs), -1).any(1)
    if not differs.any():
        return tensors[0], None
    first = int(differs.nonzero()[0])
    return tensors[0][:first].clone(), stacked[:, first:].clone()
