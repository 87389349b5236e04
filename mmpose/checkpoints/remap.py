"""Heads of another skeleton as the start of a head: keypoints are matched by their names."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mmpose.checkpoints.adapters.vlpose import fit_head
from mmpose.checkpoints.formats import StateDict
from mmpose.structures import DatasetMeta

Pair = tuple[int, int]

# Words of joint names that mean the same thing.
WORDS = {'l': 'left', 'r': 'right', 'f': 'front', 'b': 'back'}
# Normalised names without their side -> the one name of the joint.
SYNONYMS = {
    'top_head': 'head_top',
    'head_mid_top': 'head_top',
    'upper_neck': 'neck',
    'head_bottom': 'neck',
    'root': 'pelvis',
    'root_of_tail': 'tail_base',
    'tail_root': 'tail_base',
    'tail_top_back': 'tail_base',
    'tailbase': 'tail_base',
    'ear_base': 'ear',
    'withers': 'wither',
    'tailtip': 'tail_end',
    'tail_end_back': 'tail_end',
}
_WORD = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+')
# Numbers instead of names, which mean something else in every skeleton.
_ANONYMOUS = re.compile(r'(kpt|keypoint|point|joint|landmark)?_?\d+')


def normalize_joint(name: str) -> str:
    """Returns a joint's name in lower case with its side first: ``L_F_Paw``, ``left_front_paw``.

    Case, the separators ``_ - .`` and blanks, camel case and the place of the side do not matter.
    """
    words = [word.lower() for word in _WORD.findall(name) or [name]]
    words = [WORDS.get(word, word) for word in words]
    sides = [word for word in words if word in ('left', 'right')]
    return '_'.join(sides + [word for word in words if word not in ('left', 'right')])


def match_joints(source: Sequence[str], target: Sequence[str]) -> list[Pair]:
    """Returns the joints that two skeletons share, in the order of the target.

    Equal names come before synonyms, and no joint is used twice. Numbered points match only
    between equal skeletons.

    Args:
        source: Joint names of the skeleton to take from.
        target: Joint names of the skeleton to fill.

    Returns:
        Pairs of a position in the source and one in the target.
    """
    if list(source) == list(target):
        return [(i, i) for i in range(len(target))]
    pairs: dict[int, int] = {}
    for name_of in (normalize_joint, _one_name):
        taken = set(pairs.values())
        places = {
            name_of(name): i
            for i, name in reversed(list(enumerate(source)))
            if i not in taken and not _ANONYMOUS.fullmatch(normalize_joint(name))
        }
        for j, name in enumerate(target):
            if j not in pairs and name_of(name) in places:
                pairs[j] = places.pop(name_of(name))
    return [(pairs[j], j) for j in sorted(pairs)]


def load_head(
    head: nn.Module, dataset_meta: DatasetMeta, state: StateDict, source: DatasetMeta, name: str
) -> str:
    """Starts a head from one of a checkpoint; keypoints that it lacks keep their initialisation.

    Args:
        head: The head.
        dataset_meta: Its skeleton.
        state: The head of the checkpoint.
        source: The skeleton of the checkpoint.
        name: What to call the head.

    Returns:
        A sentence on the keypoints that the two share.

    Raises:
        ValueError: If the layers of the two differ.
    """
    state, notes = fit_head(state, head.state_dict())
    pairs = match_joints(source.keypoint_names, dataset_meta.keypoint_names)
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


def remap_head(
    source: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    num_source: int,
    num_target: int,
) -> dict[str, Tensor]:
    """Returns weights of a head that starts from one of another skeleton.

    Args:
        source: State of the head to take from, with K_s joints.
        target: State of the head as it is, with K joints. Joints that the skeletons do not share
            keep these weights.
        pairs: What the skeletons share, see `match_joints`.
        num_source: K_s.
        num_target: K.

    Raises:
        ValueError: If the heads differ in more than their joints.
    """
    rows = source['final_layer.bias'].shape[0] if 'final_layer.bias' in source else 0
    channels = target['final_layer.bias'].shape[0] // num_target  # per joint, as the codec wants
    if rows != num_source * channels:
        raise ValueError(
            f'the head of the checkpoint gives {rows} channels, but its skeleton has {num_source} '
            f'joints of {channels} channel(s); set model.pretrained_metainfo to the skeleton of '
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
    """Returns a sentence on which joints of a new head start from those of another skeleton.

    Args:
        pairs: See `match_joints`.
        source: Name of the skeleton to take from.
        target: Name of the skeleton to fill.
        names: Joint names of the target.
        head: What the head is called, to begin the sentence with.
    """
    shared = [names[j] for _, j in pairs]
    rest = [name for name in names if name not in shared]
    if not rest:
        return f'{head}: all {len(names)} joints of {target!r} start from {source!r}'
    return (
        f'{head}: {len(shared)} of {len(names)} joints of {target!r} start from {source!r}: '
        f'{", ".join(shared) or "none"}; as initialised: {", ".join(rest)}'
    )


def _one_name(name: str) -> str:
    side, _, rest = normalize_joint(name).partition('_')
    if side in ('left', 'right') and rest:
        return f'{side}_{SYNONYMS.get(rest, rest)}'
    full = normalize_joint(name)
    return SYNONYMS.get(full, full)


def _mapped_rows(source: Tensor, target: Tensor, pairs: Sequence[Pair], channels: int) -> Tensor:
    mapped = target.clone()
    for i, j in pairs:
        to = slice(j * channels, (j + 1) * channels)
        mapped[to] = source[i * channels : (i + 1) * channels]
    return mapped
