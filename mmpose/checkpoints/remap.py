"""Heads of another skeleton as the start of a head: keypoints are matched by their names."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mmpose.checkpoints.adapters.vlpose import fit_head
from mmpose.checkpoints.formats import StateDict
from mmpose.metainfo.keypoint_names import Pair, match_keypoints
from mmpose.structures import DatasetMeta


def load_head(
    head: nn.Module, dataset_meta: DatasetMeta, state: StateDict, source: DatasetMeta, name: str
) -> str:
    """Starts a head from one of a checkpoint; keypoints that it lacks keep their initialisation.

    Returns:
        A sentence on the keypoints that the two share.

    Raises:
        ValueError: If the layers of the two differ.
    """
    state, notes = fit_head(state, head.state_dict())
    pairs = match_keypoints(source.keypoint_names, dataset_meta.keypoint_names)
    sizes = (source.num_keypoints, dataset_meta.num_keypoints)
    head.load_state_dict(remap_head(state, head.state_dict(), pairs, *sizes))
    names = dataset_meta.keypoint_names
    return '; '.join([describe_match(pairs, source.name, dataset_meta.name, names, name), *notes])


def remap_head(
    source: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    num_source: int,
    num_target: int,
) -> dict[str, Tensor]:
    """Returns weights of a head that starts from one of another skeleton.

    Args:
        source: State of the head to take from, with K_s keypoints.
        target: State of the head as it is, with K keypoints. Those that the skeletons do not share
            keep these weights.
        pairs: What the skeletons share, see `match_keypoints`.
        num_source: K_s.
        num_target: K.

    Raises:
        ValueError: If the heads differ in more than their keypoints.
    """
    rows = source['final_layer.bias'].shape[0] if 'final_layer.bias' in source else 0
    channels = target['final_layer.bias'].shape[0] // num_target  # per keypoint, as the codec wants
    if rows != num_source * channels:
        raise ValueError(
            f'the head of the checkpoint gives {rows} channels, but its skeleton has {num_source} '
            f'keypoints of {channels} channel(s); set model.pretrained_metainfo to the skeleton of '
            'the checkpoint'
        )
    mapped: dict[str, Tensor] = {}
    for name, tensor in target.items():
        is_last = name.startswith('final_layer.')
        same_from = 1 if is_last else 0  # rows of the last layer may differ
        given = source.get(name)
        if given is None or given.shape[same_from:] != tensor.shape[same_from:]:
            shape = 'lacks it' if given is None else f'has {tuple(given.shape)}'
            raise ValueError(
                f"the model's head has '{name}' of shape {tuple(tensor.shape)}, the checkpoint "
                f'{shape}; give model.head the layers of the checkpoint, or remove '
                'model.pretrained_metainfo'
            )
        mapped[name] = _mapped_rows(given, tensor, pairs, channels) if is_last else given
    return mapped


def describe_match(
    pairs: Sequence[Pair], source: str, target: str, names: Sequence[str], head: str = 'head'
) -> str:
    """Returns a sentence on which keypoints of a new head start from those of another skeleton.

    Args:
        source: Name of the skeleton to take from.
        target: Name of the skeleton to fill.
        head: What the head is called, to begin the sentence with.
    """
    shared = [names[j] for _, j in pairs]
    rest = [name for name in names if name not in shared]
    if not rest:
        return f'{head}: all {len(names)} keypoints of {target!r} start from {source!r}'
    return (
        f'{head}: {len(shared)} of {len(names)} keypoints of {target!r} start from {source!r}: '
        f'{", ".join(shared) or "none"}; as initialised: {", ".join(rest)}'
    )


def _mapped_rows(source: Tensor, target: Tensor, pairs: Sequence[Pair], channels: int) -> Tensor:
    mapped = target.clone()
    for i, j in pairs:
        to = slice(j * channels, (j + 1) * channels)
        mapped[to] = source[i * channels : (i + 1) * channels]
    return mapped
