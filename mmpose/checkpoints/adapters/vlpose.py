"""VLPose weights in models with and without language, and ViTPose's as their start.

In the middle of a VLPose model is a ViTPose model: the main branch of its head is the classic
decoder, beside which are a branch of its own, prompt tokens, a matcher and a text encoder.
"""

import re

from torch import nn

from mmpose.checkpoints.adapters.blip import UNUSED, fill_blip_text, load_blip_text
from mmpose.checkpoints.compare import require_same
from mmpose.checkpoints.formats import StateDict, below, with_prefix

PROMPTS = ('prompt_embed', 'deep_prompt_embed')
LANGUAGE_PARTS = ('matcher', 'text_embed_proj', 'text_encoder')
TEXT = 'text_encoder.'
PARTS_PER_LAYER = 3  # transposed convolution, batch norm and ReLU of the classic decoder
SIDE = re.compile(r'^deconv_layers\.\d+\.(deconv1|bn1)\.')
CLASSIC_HEAD = re.compile(r'^head\.deconv_layers\.\d+\.(weight|bias|running_mean)$')
OFF = 'language is off'
NOT_RUN = 'part of BLIP that VLPose never runs'


def fit_model(
    state: StateDict, model: nn.Module
) -> tuple[StateDict, dict[str, str], tuple[str, ...]]:
    """Fits the weights of a whole pose model to a VLPose estimator; others get them as they are.

    Args:
        state: Weights of a file, under our names.
        model: An estimator; that of VLPose says by ``language`` whether it was built with it.

    Returns:
        The weights, name -> why for those left out, and sentences on what was changed.

    Raises:
        ValueError: If the file is a plain ViTPose model, or has no text encoder and no other
            file has been given for it.
    """
    if not hasattr(model, 'language'):
        return state, {}, ()
    if not model.language:
        return _without_language(state, model.trained_with_language)
    if any(CLASSIC_HEAD.match(name) for name in state):
        raise ValueError(
            'the file is a plain ViTPose model, which lacks all that VLPose adds; set '
            'model.pretrained to it to start training from it, or model.language=False to run '
            'it as it is'
        )
    dropped = {name: NOT_RUN for name in state if UNUSED.match(name)}
    kept = {name: tensor for name, tensor in state.items() if name not in dropped}
    if any(name.startswith(TEXT) for name in kept):
        return kept, dropped, ()
    if model.text_encoder.pretrained is None:
        raise ValueError(
            "the file has no text encoder; set model.text_encoder.pretrained to BLIP's "
            'model_base_capfilt_large.pth'
        )
    note = load_blip_text(model.text_encoder, model.text_encoder.pretrained, model.trust_checkpoint)
    return kept | with_prefix(TEXT, model.text_encoder.state_dict()), dropped, (note,)


def fit_prompts(state: StateDict, backbone: nn.Module) -> tuple[StateDict, list[str]]:
    """Returns weights with the prompts that a backbone has and they lack, as they were drawn.

    Args:
        state: Backbone weights under our names; of a model that was tuned in another way, its
            prompts are left out.
        backbone: One that is tuned by prompts says how by ``tuning``; others get no change.
    """
    if not hasattr(backbone, 'tuning'):
        return state, []
    own = {name: x for name, x in backbone.state_dict().items() if name in PROMPTS}
    fresh = [name for name in own if name not in state]
    idle = [name for name in PROMPTS if name in state and name not in own]
    notes = [f'{" and ".join(fresh)} start at random'] if fresh else []
    if idle:
        notes.append(f"{' and '.join(idle)} left out: the model has tuning='{backbone.tuning}'")
    kept = {name: tensor for name, tensor in state.items() if name not in idle}
    return {**{name: own[name] for name in fresh}, **kept}, notes


def fit_head(state: StateDict, target: StateDict) -> tuple[StateDict, list[str]]:
    """Returns the weights of a head for one of two branches, and sentences on what was changed.

    Args:
        state: Of a head of two branches, or of a classic one, which becomes the main branch.
        target: Weights of the model's head, whose side branch then stays as it is. Without one
            nothing is changed.
    """
    side = {name: tensor for name, tensor in target.items() if SIDE.match(name)}
    if not side or any(SIDE.match(name) for name in state):
        return state, []
    note = 'the classic decoder becomes the main branch, the side branch starts at random'
    return {**from_classic(state), **side}, [note]


def start_language(model: nn.Module, state: StateDict, source: str) -> tuple[set[str], list[str]]:
    """Starts matcher, projection and text encoder of a VLPose estimator from a VLPose file.

    Args:
        model: An estimator; others than that of VLPose get nothing.
        state: Weights of a file, under our names.
        source: The file, for messages.

    Returns:
        The names of the parts that the file has, and a sentence on each.

    Raises:
        ValueError: If one has other sizes.
    """
    loaded, notes = set(), []
    for name in LANGUAGE_PARTS if getattr(model, 'language', False) else ():
        part, own = getattr(model, name), below(state, f'{name}.')
        if not own or (name == 'text_encoder' and part.pretrained is not None):
            continue
        if name == 'text_encoder':
            notes.append(fill_blip_text(part, state, source))
        else:
            require_same(own, part.state_dict(), f"{name} of '{source}'")
            part.load_state_dict(own)
            notes.append(f'{name}: {len(own)} tensors loaded')
        loaded.add(name)
    return loaded, notes


def from_classic(state: StateDict) -> StateDict:
    """Returns the weights of a classic head under the names of the main branch."""

    def rename(match: re.Match[str]) -> str:
        block, place = divmod(int(match[1]), PARTS_PER_LAYER)
        return f'deconv_layers.{block}.{"bn0" if place else "deconv0"}.{match[2]}'

    return {re.sub(r'^deconv_layers\.(\d+)\.(\w+)$', rename, k): x for k, x in state.items()}


def to_classic(state: StateDict) -> StateDict:
    """Returns the weights of the main branch under the names of a classic head."""

    def rename(match: re.Match[str]) -> str:
        place = PARTS_PER_LAYER * int(match[1]) + (match[2] == 'bn0')
        return f'deconv_layers.{place}.{match[3]}'

    return {
        re.sub(r'^deconv_layers\.(\d+)\.(deconv0|bn0)\.(\w+)$', rename, name): tensor
        for name, tensor in state.items()
        if not SIDE.match(name)
    }


def _without_language(
    state: StateDict, trained: tuple[str, ...]
) -> tuple[StateDict, dict[str, str], tuple[str, ...]]:
    """Returns the ViTPose model in the middle of a VLPose model.

    Args:
        trained: Parts of it that were trained together with the language.
    """
    parts = tuple(f'{name}.' for name in LANGUAGE_PARTS)
    prompts = tuple(f'backbone.{name}' for name in PROMPTS)
    others = {x: tensor for x, tensor in state.items() if not x.startswith((*parts, 'head.'))}
    plain = {name: tensor for name, tensor in others.items() if name not in prompts}
    head = below(state, 'head.')
    plain |= with_prefix('head.', to_classic(head))
    left = [x for x in state if x.startswith(parts) or x in prompts]
    left += [f'head.{name}' for name in head if SIDE.match(name)]
    notes = ()
    if left and trained:
        notes = (
            f'{" and ".join(trained)} learned together with the language: the results are those of '
            'the original ViTPose model only with the original weights, so load its own file',
        )
    return plain, dict.fromkeys(left, OFF), notes
