"""Pretrained weights as the start of an estimator: backbone, heads of any skeleton, language."""

import os
import re
from collections.abc import Sequence

from mmengine.logging import print_log
from torch import nn

from mmpose.checkpoints.adapters import pgvl, vlpose
from mmpose.checkpoints.adapters.blip import load_blip_text
from mmpose.checkpoints.adapters.clip import load_clip_text
from mmpose.checkpoints.formats import StateDict
from mmpose.checkpoints.load import convert_file, fill_backbone
from mmpose.checkpoints.remap import load_head
from mmpose.structures import DatasetMeta


def load_pretrained(
    model: nn.Module,
    path: str | os.PathLike[str],
    trust: bool = False,
    metas: Sequence[DatasetMeta] = (),
) -> frozenset[str]:
    """Starts an estimator from a checkpoint of any known code base and logs what was taken.

    The backbone is always taken; heads where their skeletons are known; language where the model
    reads texts. The file is read once.

    Args:
        model: Estimator with ``backbone`` and ``named_heads``.
        metas: Skeleton per head of the checkpoint, to take the heads too; for an estimator with
            one head, that of the head it takes: the first, or that of the backbone's
            ``default_dataset``.

    Returns:
        The names of the parts of the model that were loaded.

    Raises:
        ValueError: If names or shapes of the file do not fit.
    """
    converted = convert_file(path, trust, getattr(model.backbone, 'num_heads', None))
    notes = [str(fill_backbone(model.backbone, converted, path))]
    loaded = {'backbone'}
    heads = _heads_of(converted.state)
    if hasattr(model, 'language') and not metas and heads:  # a VLPose model takes all it can
        metas = [model.dataset_meta]
    if metas:
        notes += _start_heads(model, heads, metas, str(path))
        loaded.add('head')
    for parts, sentences in (
        pgvl.start_language(model, converted.state),
        vlpose.start_language(model, converted.state, str(path)),
    ):
        loaded |= parts
        notes += sentences
    for note in notes:
        print_log(note, logger='current')
    return frozenset(loaded)


def load_text_encoder(
    encoder: nn.Module, path: str | os.PathLike[str], trust: bool = False
) -> None:
    """Loads the text encoder of CLIP, BLIP or VLPose and logs what was taken.

    Args:
        encoder: Text encoder with the names of OpenAI's CLIP, or with BLIP's BERT inside.

    Raises:
        ValueError: If the file has no such text encoder, or one of another size.
    """
    load = load_clip_text if hasattr(encoder, 'token_embedding') else load_blip_text
    print_log(str(load(encoder, path, trust)), logger='current')


def _heads_of(state: StateDict) -> dict[int, StateDict]:
    """Returns the weights of each head of a pose model, by the number of its dataset."""
    heads: dict[int, StateDict] = {}
    for name, tensor in state.items():
        match = re.fullmatch(r'head(?:s\.(\d+))?\.(.+)', name)
        if match:
            heads.setdefault(int(match[1] or 0), {})[match[2]] = tensor
    return heads


def _start_heads(
    model: nn.Module, heads: dict[int, StateDict], metas: Sequence[DatasetMeta], path: str
) -> list[str]:
    """Starts the heads of an estimator and returns a sentence on each."""
    if not heads:
        raise ValueError(
            f"'{path}' holds no head, only a backbone; remove model.pretrained_metainfo"
        )
    if sorted(heads) != list(range(len(heads))):
        raise ValueError(f"'{path}' holds heads {sorted(heads)}, expected all from 0 on")
    own = model.named_heads()
    if not hasattr(model, 'heads'):
        ((name, head, meta),) = own
        number = getattr(model.backbone, 'default_dataset', None) or 0
        name = name if len(heads) == 1 else f'head {number} of {len(heads)} in the checkpoint'
        return [load_head(head, meta, heads[number], metas[0], name)]
    if len(heads) != len(metas):
        raise ValueError(
            f"'{path}' holds {len(heads)} head(s) but model.pretrained_metainfo names "
            f'{len(metas)} skeleton(s); list one per head of the checkpoint'
        )
    notes = []
    for i, (name, head, meta) in enumerate(own):
        source = i if i < len(heads) else getattr(model.backbone, 'new_expert_from', None)
        if source is None:
            notes.append(f'{name}: as initialised')
        else:
            notes.append(load_head(head, meta, heads[source], metas[source], name))
    return notes
