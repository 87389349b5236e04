"""CLIP's text tower, under the names of OpenAI, as the start of a text encoder."""

import os

from torch import Tensor, nn

from mmpose.checkpoints.compare import require_same
from mmpose.checkpoints.io import extract_state_dict, read_checkpoint
from mmpose.checkpoints.load import LoadReport, logged_sha256

PARTS = ('transformer.', 'token_embedding.', 'ln_final.')
POSITIONS, PROJECTION = 'positional_embedding', 'text_projection'


def load_clip_text(
    encoder: nn.Module, path: str | os.PathLike[str], trust: bool = False
) -> LoadReport:
    """Loads the text tower of a CLIP model with OpenAI's names.

    Args:
        encoder: Text encoder with those names. Its context may be shorter than that of CLIP: it
            takes the first positions.
        path: OpenAI's TorchScript archive, or a state dict; see ``read_checkpoint``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or refused, holds no such tower, or one of another size.
    """
    state = extract_state_dict(read_checkpoint(path, trust))
    if POSITIONS not in state or not any(name.startswith('transformer.') for name in state):
        raise ValueError(
            f"'{path}' holds no text tower with the names of OpenAI's CLIP (transformer.*, "
            'positional_embedding); take its ViT-B-16.pt or ViT-L-14.pt for '
            'model.text_encoder.pretrained'
        )
    found: dict[str, Tensor] = {
        name: tensor.float()
        for name, tensor in state.items()
        if name.startswith(PARTS) or name in (POSITIONS, PROJECTION)
    }
    target = encoder.state_dict()
    rows, length = len(found[POSITIONS]), len(target[POSITIONS])
    notes = ()
    if rows > length:
        found[POSITIONS] = found[POSITIONS][:length]
        notes = (f'the first {length} of {rows} positions were taken',)
    require_same(found, target, f"'{path}' (text tower of CLIP)")
    encoder.load_state_dict(found)
    return LoadReport(
        file=str(path),
        format='clip',
        num_matched=len(found),
        dropped=dict.fromkeys(set(state) - set(found), 'not part of the text tower'),
        notes=notes,
        sha256=logged_sha256(path),
    )
