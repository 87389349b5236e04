"""BLIP's text encoder: names in its own files and in VLPose's, which hold LAVIS' whole BLIP."""

import os
import re

from torch import nn

from mmpose.checkpoints.compare import require_same
from mmpose.checkpoints.formats import StateDict
from mmpose.checkpoints.io import extract_state_dict, read_checkpoint

PREFIX = 'text_encoder.'  # in BLIP's files; VLPose has it twice
POSITION_IDS = 'embeddings.position_ids'  # a buffer that counts, in files of older frameworks
# Of the whole BLIP only the text encoder is ever run.
UNUSED = re.compile(
    r'^text_encoder\.((visual_encoder|vision_proj|text_proj)\.|temp$|text_encoder\.'
    rf'{re.escape(POSITION_IDS)}$)'
)


def load_blip_text(encoder: nn.Module, path: str | os.PathLike[str], trust: bool = False) -> str:
    """Loads the text encoder of a BLIP or VLPose file and returns a sentence on it.

    Args:
        encoder: Text encoder whose ``text_encoder`` is the BERT of transformers.

    Raises:
        ValueError: If the file has no such text encoder.
    """
    return fill_blip_text(encoder, extract_state_dict(read_checkpoint(path, trust)), str(path))


def fill_blip_text(encoder: nn.Module, state: StateDict, source: str) -> str:
    """Loads weights that have been read into a text encoder and returns a sentence on it.

    Args:
        state: Weights of a file; those besides the text encoder are left out.
        source: The file, for messages.
    """
    prefix = 2 * PREFIX if any(name.startswith(2 * PREFIX) for name in state) else PREFIX
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix) and not name.endswith(POSITION_IDS)
    }
    require_same(own, encoder.text_encoder.state_dict(), f"the text encoder of '{source}'")
    # into the whole encoder, whose remembered features are then forgotten
    encoder.load_state_dict({f'{PREFIX}{name}': tensor for name, tensor in own.items()})
    return f"loaded the text encoder ({len(own)} tensors) from '{source}'"
