"""Heads of a pose checkpoint as the start of heads for the same or other skeletons."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import Tensor, nn

from mmpose.metainfo.keypoint_names import match_keypoints
from mmpose.models.heads.remap import describe_match, remap_head
from mmpose.structures import DatasetMeta

HeadState = dict[str, Tensor]


def read_heads(path: str, trust: bool) -> list[HeadState]:
    """Returns the states of the heads of a pose checkpoint, in the order of their datasets.

    Args:
        path: File or address.
        trust: Whether the file may be a pickle that runs code.

    Raises:
        ValueError: If the file holds no head.
    """
    from mmpose.checkpoints.load import convert_file

    heads: dict[int, HeadState] = {}
    for name, tensor in convert_file(path, trust).state.items():
        match = re.fullmatch(r'head(?:s\.(\d+))?\.(.+)', name)
        if match:
            heads.setdefault(int(match[1] or 0), {})[match[2]] = tensor
    if not heads:
        raise ValueError(
            f"'{path}' holds no head, only a backbone; remove model.pretrained_metainfo"
        )
    if sorted(heads) != list(range(len(heads))):
        raise ValueError(f"'{path}' holds heads {sorted(heads)}, expected all from 0 on")
    return [heads[i] for i in sorted(heads)]


def load_head(
    head: nn.Module, dataset_meta: DatasetMeta, state: HeadState, source: DatasetMeta, name: str
) -> str:
    """Starts a head from one of a checkpoint; joints that it lacks keep their initialisation.

    Args:
        head: The head.
        dataset_meta: Its skeleton.
        state: The head of the checkpoint.
        source: The skeleton of the checkpoint.
        name: What to call the head.

    Returns:
        A sentence on the joints that the two share.

    Raises:
        ValueError: If the layers of the two differ.
    """
    notes: list[str] = []
    if hasattr(head, 'adapt_state'):
        state, notes = head.adapt_state(state)
    pairs = match_keypoints(source.keypoint_names, dataset_meta.keypoint_names)
    sizes = (source.num_keypoints, dataset_meta.num_keypoints)
    head.load_state_dict(remap_head(state, head.state_dict(), pairs, *sizes))
    return '; '.join(
        [
            describe_match(
                pairs, source.name, dataset_meta.name, dataset_meta.keypoint_names, name
            ),
            *notes,
        ]
    )


def check_num_heads(states: Sequence[HeadState], metas: Sequence[DatasetMeta], path: str) -> None:
    """Raises unless a checkpoint has one head per skeleton."""
    if len(states) != len(metas):
        raise ValueError(
            f"'{path}' holds {len(states)} head(s) but model.pretrained_metainfo names "
            f'{len(metas)} skeleton(s); list one per head of the checkpoint'
        )
