"""Registry of adapters: which format a state dict has, and its conversion to and from our names.

Every function takes a state dict and returns a new one; nothing is read or loaded here. Weights
of whole pose models come back as ``backbone.*`` and ``head.*``, those of models with a head per
dataset as ``backbone.*`` and ``heads.{d}.*``, weights of a backbone alone without a prefix.
"""

from collections.abc import Callable
from dataclasses import replace

from mmpose.checkpoints.adapters.convnets import CONVNET
from mmpose.checkpoints.adapters.huggingface import HUGGINGFACE, HUGGINGFACE_PLUS, to_huggingface
from mmpose.checkpoints.adapters.mmpose1x import MMPOSE1X, to_mmpose1x
from mmpose.checkpoints.adapters.pgvl import PGVL
from mmpose.checkpoints.adapters.pretrained_vit import DINOV2, HAP, MAE, is_vit
from mmpose.checkpoints.adapters.unsupported import refuse_impossible
from mmpose.checkpoints.adapters.vitpose import MULTI_TASK, VITPOSE, VITPOSE_PLUS, to_vitpose
from mmpose.checkpoints.formats import Converted, Format, StateDict, has_name

FOREIGN_BACKBONE = 'backbone.model.'  # of timm or transformers, built by that library
TEXT_ENCODER = 'text_encoder.'  # of models that read texts; its names are nobody else's


def _is_multi_head(state: StateDict) -> bool:
    return has_name(state, r'^backbone\.') and has_name(state, r'^heads\.\d+\.')


def _is_pose_model(state: StateDict) -> bool:
    return has_name(state, r'^backbone\.') and has_name(state, r'^head\.')


def _is_pose_vit(state: StateDict) -> bool:
    return _is_pose_model(state) and has_name(state, r'\.blocks\.')


def _is_our_vit(state: StateDict) -> bool:
    return is_vit(state) and has_name(state, r'(^|\.)last_norm\.')


OURS = 'pose model of this package'
FORMATS = (
    CONVNET,
    HUGGINGFACE_PLUS,
    HUGGINGFACE,
    Format('mmpose-multi', 'multi-head pose model of this package', _is_multi_head),
    Format('mmpose', OURS, _is_pose_vit),
    MMPOSE1X,
    VITPOSE_PLUS,
    PGVL,
    MULTI_TASK,
    VITPOSE,
    Format('mmpose', OURS, _is_pose_model),
    DINOV2,
    Format('vit', 'ViT backbone of this package', _is_our_vit),
    HAP,
    MAE,
    Format('unknown', 'unknown', lambda _: True),
)
"""In the order in which they are looked for: the first whose names fit is the format."""
FORMAT_NAMES = {one.name: one.title for one in FORMATS} | {'clip': 'text tower of CLIP'}

EXPORTERS: dict[str, Callable[[StateDict], tuple[StateDict, tuple[str, ...]]]] = {
    'ours': lambda state: (dict(state), ()),
    'vitpose': to_vitpose,
    'mmpose1x': to_mmpose1x,
    'huggingface': to_huggingface,
    'safetensors': lambda state: (dict(state), ()),
}
"""Target of a conversion -> weights under our names to weights in it, and notes."""


def convert_state_dict(state: StateDict) -> Converted:
    """Returns a state dict under our parameter names, whatever code base it comes from.

    Raises:
        ValueError: For a network that our ViT cannot reproduce.
    """
    texts = {name: tensor for name, tensor in state.items() if name.startswith(TEXT_ENCODER)}
    if 0 < len(texts) < len(state):
        converted = convert_state_dict({k: x for k, x in state.items() if k not in texts})
        return replace(converted, state=converted.state | texts)
    refuse_impossible({k: x for k, x in state.items() if not k.startswith(FOREIGN_BACKBONE)})
    found = next(one for one in FORMATS if one.detect(state))
    return replace(found.to_ours(state), format=found.name)
