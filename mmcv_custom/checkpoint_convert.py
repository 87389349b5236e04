"""Weights of other code bases under our parameter names.

Every converter takes a state dict and returns a new one; nothing is read or loaded here. Weights
of whole pose models come back as ``backbone.*`` and ``head.*``, weights of a backbone alone
without a prefix.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

StateDict = dict[str, Tensor]

FORMAT_NAMES = {
    'mmpose': 'pose model of this package',
    'vitpose': 'ViTPose or mmpose 0.x pose model',
    'vitpose+': 'ViTPose+ model with experts',
    'mmpose1': 'MMPose 1.x ViTPose or mmpretrain ViT',
    'huggingface': 'Hugging Face VitPose',
    'vit': 'ViT backbone of this package',
    'mae': 'MAE or timm ViT',
    'hap': 'HAP pre-trained ViT',
    'dinov2': 'DINOv2 ViT',
    'unknown': 'unknown',
}
PRETRAIN_FORMATS = ('mae', 'hap', 'dinov2')
"""Backbones trained for something else: their last norm is left out and ours starts fresh."""

NO_CLASS_TOKEN = 'the network has no class token'
OTHER_TASK = 'belongs to another task'
FRESH_NORM = 'norm of the pre-training task; last_norm starts fresh'


@dataclass(frozen=True)
class Converted:
    """A state dict under our names, and what became of the rest.

    Attributes:
        state: Weights under our parameter names.
        format: Key of FORMAT_NAMES.
        dropped: Name in the file -> why it was left out.
        notes: What was changed, one sentence each.
    """

    state: StateDict
    format: str
    dropped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def detect_format(state: StateDict) -> str:
    """Returns the key in FORMAT_NAMES of the code base that a state dict comes from."""

    def has(pattern: str) -> bool:
        return any(re.search(pattern, name) for name in state)

    if _has_experts_unmerged(state):
        return 'vitpose+'
    if has(r'^backbone\.encoder\.layer\.\d+\.attention\.attention\.query\.'):
        return 'huggingface'
    if has(r'(^|\.)layers\.\d+\.ln1\.'):
        return 'mmpose1'
    if has(r'^keypoint_head\.'):
        return 'vitpose'
    if has(r'^backbone\.') and has(r'^head\.'):
        return 'mmpose'
    if has(r'(^|\.)blocks\.\d+\.ls1\.gamma$'):
        return 'dinov2'
    if not has(r'(^|\.)blocks\.\d+\.attn\.qkv\.'):
        return 'unknown'
    if has(r'(^|\.)last_norm\.'):
        return 'vit'
    rows = [tensor.shape[1] for name, tensor in state.items() if _is_pos_embed(name, tensor)]
    return 'hap' if 129 in rows else 'mae'


def convert_state_dict(state: StateDict) -> Converted:
    """Returns a state dict under our parameter names, whatever code base it comes from.

    Raises:
        ValueError: For a ViTPose+ model, whose experts have to be merged first.
    """
    name = detect_format(state)
    converters: dict[str, Callable[[StateDict], Converted]] = {
        'vitpose+': _refuse_experts,
        'vitpose': convert_vitpose,
        'mmpose1': convert_mmpose1,
        'huggingface': convert_huggingface,
        'mae': convert_pretrained_vit,
        'hap': convert_pretrained_vit,
        'dinov2': convert_dinov2,
    }
    if name not in converters:
        return Converted(state=dict(state), format=name)
    return converters[name](state)


def convert_vitpose(state: StateDict) -> Converted:
    """Renames a pose model of ViTPose or mmpose 0.x: ``keypoint_head`` becomes ``head``."""
    kept, dropped = _drop(
        state,
        {
            r'^backbone\.cls_token$': NO_CLASS_TOKEN,
            r'^associate_keypoint_heads\.': 'head of another dataset, see tools/model_split.py',
            r'\.mlp\.experts\.': 'left over from splitting a ViTPose+ file',
        },
    )
    renamed = {re.sub(r'^keypoint_head\.', 'head.', name): x for name, x in kept.items()}
    return Converted(renamed, 'vitpose', dropped)


def convert_mmpose1(state: StateDict) -> Converted:
    """Renames a ViTPose model of MMPose 1.x, whose backbone is mmpretrain's VisionTransformer."""
    renames = (
        (r'(^|\.)layers\.(\d+)\.ln1\.', r'\1blocks.\2.norm1.'),
        (r'(^|\.)layers\.(\d+)\.ln2\.', r'\1blocks.\2.norm2.'),
        (r'(^|\.)layers\.(\d+)\.attn\.', r'\1blocks.\2.attn.'),
        (r'(^|\.)layers\.(\d+)\.ffn\.layers\.0\.0\.', r'\1blocks.\2.mlp.fc1.'),
        (r'(^|\.)layers\.(\d+)\.ffn\.layers\.1\.', r'\1blocks.\2.mlp.fc2.'),
        (r'(^|\.)patch_embed\.projection\.', r'\1patch_embed.proj.'),
        (r'(^|^backbone\.)ln1\.', r'\1last_norm.'),
    )
    kept, dropped = _drop(
        state, {r'(^|\.)cls_token$': NO_CLASS_TOKEN, r'^data_preprocessor\.': 'set by the config'}
    )
    renamed = {_rename(name, renames): x for name, x in kept.items()}
    has_class_token = any(name.endswith('cls_token') for name in dropped)
    notes = []
    for name, tensor in renamed.items():
        if _is_pos_embed(name, tensor) and not has_class_token:
            renamed[name] = _prepend_zero_row(tensor)
            notes.append('a zero row was put before pos_embed, which has none for a class token')
    return Converted(renamed, 'mmpose1', dropped, tuple(notes))


def convert_huggingface(state: StateDict) -> Converted:
    """Renames a VitPose model of transformers; query, key and value become one projection."""
    layer = r'^backbone\.encoder\.layer\.(\d+)\.'
    renames = (
        (r'^backbone\.embeddings\.position_embeddings$', 'backbone.pos_embed'),
        (r'^backbone\.embeddings\.patch_embeddings\.projection\.', 'backbone.patch_embed.proj.'),
        (layer + r'layernorm_before\.', r'backbone.blocks.\1.norm1.'),
        (layer + r'layernorm_after\.', r'backbone.blocks.\1.norm2.'),
        (layer + r'attention\.output\.dense\.', r'backbone.blocks.\1.attn.proj.'),
        (layer + r'attention\.attention\.query\.', r'backbone.blocks.\1.attn.qkv.'),
        (layer + r'mlp\.', r'backbone.blocks.\1.mlp.'),
        (r'^backbone\.layernorm\.', 'backbone.last_norm.'),
        (r'^head\.deconv1\.', 'head.deconv_layers.0.'),
        (r'^head\.batchnorm1\.', 'head.deconv_layers.1.'),
        (r'^head\.deconv2\.', 'head.deconv_layers.3.'),
        (r'^head\.batchnorm2\.', 'head.deconv_layers.4.'),
        (r'^head\.conv\.', 'head.final_layer.'),
    )
    renamed: StateDict = {}
    for name, tensor in state.items():
        if '.attention.attention.query.' in name:
            parts = [state[name.replace('.query.', f'.{x}.')] for x in ('query', 'key', 'value')]
            tensor = torch.cat(parts, dim=0)  # 3 of (D, D) -> (3 D, D), rows ordered q, k, v
        elif re.search(r'\.attention\.attention\.(key|value)\.', name):
            continue
        renamed[_rename(name, renames)] = tensor
    return Converted(renamed, 'huggingface')


def convert_pretrained_vit(state: StateDict) -> Converted:
    """Returns the encoder of MAE, HAP or a timm ViT, ready to be used without a class token.

    The position row of the class token becomes zero: the pose model adds that row to every token,
    which pre-training never did. In MAE and HAP files it is zero already.
    """
    name = detect_format(state)
    state = _strip_wrapper(state)
    kept, dropped = _drop(
        state,
        {
            r'^(cls_token|dist_token|reg_token|register_tokens)$': NO_CLASS_TOKEN,
            r'^norm\.|^fc_norm\.': FRESH_NORM,
            r'^(mask_token|decoder\w*|head\w*|predictor|projector)(\.|$)': OTHER_TASK,
        },
    )
    notes = []
    if 'pos_embed' in kept:
        kept['pos_embed'], changed = _zero_class_row(kept['pos_embed'], 'cls_token' in state)
        notes += [changed] if changed else []
    return Converted(kept, name, dropped, tuple(notes))


def convert_dinov2(state: StateDict) -> Converted:
    """Returns the encoder of DINOv2, its layer scales folded into the layers before them.

    A layer scale multiplies the output of ``attn.proj`` or ``mlp.fc2`` by ``gamma``; scaling the
    rows of weight and bias by ``gamma`` is the same function.
    """
    plain = convert_pretrained_vit(state)
    folded = dict(plain.state)
    scales = [name for name in folded if re.search(r'\.ls[12]\.gamma$', name)]
    for name in scales:
        gamma = folded.pop(name)
        block, scale = name.removesuffix('.gamma').rsplit('.', 1)
        layer = f'{block}.attn.proj' if scale == 'ls1' else f'{block}.mlp.fc2'
        if f'{layer}.weight' not in folded:
            raise ValueError(
                f"a DINOv2 file has '{name}' but no '{layer}.weight' (as the giant model with its "
                'gated feed-forward part); use the small, base or large model'
            )
        folded[f'{layer}.weight'] = folded[f'{layer}.weight'] * gamma[:, None]
        folded[f'{layer}.bias'] = folded[f'{layer}.bias'] * gamma
    note = f'{len(scales)} layer scales were folded into attn.proj and mlp.fc2'
    return Converted(folded, 'dinov2', plain.dropped, (*plain.notes, note))


def _has_experts_unmerged(state: StateDict) -> bool:
    """Tells whether fc2 lacks the rows that the experts hold (a split file keeps idle experts)."""
    for name in state:
        if '.mlp.experts.' in name:
            fc2, fc1 = (f'{name.split(".experts.")[0]}.{x}.weight' for x in ('fc2', 'fc1'))
            if fc2 not in state or fc1 not in state or len(state[fc2]) != state[fc1].shape[1]:
                return True
    return False


def _refuse_experts(state: StateDict) -> Converted:
    raise ValueError(
        'the checkpoint is a ViTPose+ model with one expert per dataset; extract the model of one '
        'dataset with tools/model_split.py and load that'
    )


def _strip_wrapper(state: StateDict) -> StateDict:
    """Returns only ``backbone.*`` or ``encoder.*``, without the prefix, if there are any."""
    for prefix in ('backbone.', 'encoder.'):
        inner = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if inner:
            return inner
    return dict(state)


def _drop(state: StateDict, reasons: dict[str, str]) -> tuple[StateDict, dict[str, str]]:
    kept, dropped = {}, {}
    for name, tensor in state.items():
        why = next((why for pattern, why in reasons.items() if re.search(pattern, name)), None)
        if why is None:
            kept[name] = tensor
        else:
            dropped[name] = why
    return kept, dropped


def _rename(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in renames:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name


def _is_pos_embed(name: str, tensor: Tensor) -> bool:
    return name.rpartition('.')[2] == 'pos_embed' and 'decoder' not in name and tensor.ndim == 3


def _prepend_zero_row(pos: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(pos[:, :1]), pos], dim=1)  # (1, T, D) -> (1, T + 1, D)


def _zero_class_row(pos: Tensor, has_class_token: bool) -> tuple[Tensor, str | None]:
    """Returns ``pos`` (1, T, D) with exactly one row before the grid, zero; and what was done."""
    rows = pos.shape[1]
    if math.isqrt(rows) ** 2 == rows or not has_class_token:
        return _prepend_zero_row(pos), 'a zero row was put before pos_embed, which had none'
    if not pos[:, :1].any():
        return pos, None
    rest = _prepend_zero_row(pos[:, 1:])
    return rest, 'the class-token row of pos_embed became zero: no token had it in pre-training'
