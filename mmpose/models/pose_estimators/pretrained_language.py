"""Language of a pose checkpoint as the start of a model for the same or other joints."""

from __future__ import annotations

from torch import nn

from mmpose.models.pose_estimators.pretrained_heads import HeadState

OTHER_PARTS = ('backbone.', 'neck.', 'head.', 'heads.')
# A row per joint, but never read: may differ.
UNREAD = 'prompt_encoder.positional_embedding'


def read_language(path: str, trust: bool) -> HeadState:
    """Returns what a checkpoint has besides backbone and heads; nothing if it reads no texts.

    Args:
        path: File or address.
        trust: Whether the file may be a pickle that runs code.
    """
    from mmpose.checkpoints.load import convert_file

    state = convert_file(path, trust).state
    if not any(name.startswith('text_encoder.') for name in state):
        return {}
    return {name: tensor for name, tensor in state.items() if not name.startswith(OTHER_PARTS)}


def load_language(model: nn.Module, state: HeadState) -> tuple[bool, str]:
    """Starts text encoder, context and what joins text and image from those of a checkpoint.

    They do not depend on the joints. All of them are taken or none, because each was trained for
    the others.

    Args:
        model: A model that reads texts.
        state: See ``read_language``.

    Returns:
        Whether they were taken, and a sentence on it.
    """
    own = {k: x for k, x in model.state_dict().items() if not k.startswith(OTHER_PARTS)}
    state = {name: tensor for name, tensor in state.items() if name != UNREAD}
    differing = [
        name
        for name in sorted((own.keys() | state.keys()) - {UNREAD})
        if name not in own or name not in state or own[name].shape != state[name].shape
    ]
    if differing:
        return False, (
            f"the checkpoint's language does not fit ('{differing[0]}' and "
            f'{len(differing) - 1} more differ), so only its backbone was taken; '
            'tools/inspect_checkpoint.py says which model.parse_graph it has'
        )
    model.load_state_dict(state, strict=False)
    return True, f'language: {len(state)} tensors were taken from the checkpoint'
