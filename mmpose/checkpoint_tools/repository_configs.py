"""Search for the configs of the repository whose model a checkpoint fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmpose.checkpoints.adapters.pgvl import plain_options
from mmpose.checkpoints.describe import Architecture, HeadShape
from mmpose.config.load import read_config
from mmpose.config.names import BASE_FOLDER, CONFIGS


def matching_configs(shape: Architecture, hint: str = '', root: Path = CONFIGS) -> list[str]:
    """Returns the configs whose model takes weights strictly, the likeliest first.

    They are named as a command from the root of the repository names them.

    Args:
        shape: Of a checkpoint.
        hint: Text such as the file's name: datasets named in it come first.
        root: Folder of the configs.
    """
    matches = []
    for path in sorted(root.rglob('*.py')):
        if BASE_FOLDER in path.relative_to(root).parts or not _may_fit(path.stem, shape):
            continue
        model = read_config(path).get('model')
        if model is not None and _fits(model, shape):
            matches.append(str(Path(root.name) / path.relative_to(root)))
    return sorted(matches, key=lambda match: _rank(match, hint.lower()))


def _may_fit(stem: str, shape: Architecture) -> bool:
    """Tells by the file name alone whether reading the config is worth the time."""
    size = shape.size_name
    return (
        size is None
        or size in stem.lower()
        or not any(other in stem.lower() for other in ('small', 'base', 'large', 'huge', 'tiny'))
    )


def _fits(model: dict[str, Any], shape: Architecture) -> bool:
    backbone = model.get('backbone', {})
    height, width = backbone.get('img_size', (256, 192))
    if backbone.get('type') not in ('ViT', 'ViTMoE') or (height, width) != shape.input_hw:
        return False
    part = backbone.get('part_features') or shape.embed_dim // 4
    own = {
        'embed_dim': backbone.get('embed_dim', 768),
        'depth': backbone.get('depth', 12),
        'stem': backbone.get('stem', 'patch'),
        'num_experts': backbone.get('num_experts', backbone.get('num_expert', 0)) or 0,
        'part_features': part if shape.num_experts else 0,
        'condition_chans': backbone.get('condition_chans', 0),
    }
    is_equal = all(getattr(shape, name) == value for name, value in own.items())
    if not is_equal or not _language_fits(model, shape):
        return False
    if not shape.is_guess and backbone.get('num_heads', 12) != shape.num_heads:
        return False
    heads = model.get('heads') or [model.get('head', {})]
    if len(heads) != len(shape.heads):
        return False
    is_multi = len(heads) > 1  # its final layers are cut at load
    return all(_head_fits(*pair, is_multi) for pair in zip(heads, shape.heads, strict=True))


def _language_fits(model: dict[str, Any], shape: Architecture) -> bool:
    """Tells whether a model reads texts exactly if, and as, the weights do."""
    if 'parse_graph' not in model:
        return shape.parse_graph is None and 'text_encoder' not in model
    return shape.parse_graph == plain_options(model['parse_graph'])


def _head_fits(head: dict[str, Any], shape: HeadShape, may_be_wider: bool) -> bool:
    channels = head.get('out_channels')
    is_equal = channels == shape.out_channels
    is_cut = may_be_wider and channels is not None and channels < shape.out_channels
    layers = (
        tuple(head.get('deconv_out_channels', (256, 256, 256))),
        tuple(head.get('deconv_kernel_sizes', (4, 4, 4))),
        (head.get('final_layer') or {}).get('kernel_size', 1),
    )
    return (is_equal or is_cut) and layers == (
        shape.deconv_out_channels,
        shape.deconv_kernel_sizes,
        shape.final_kernel,
    )


def _rank(path: str, hint: str) -> tuple[bool, bool, bool, int, str]:
    folder = Path(path).parent.name.replace('-', '_').split('_')[-1]
    words = Path(path).stem.lower().split('_')
    is_variant = not {'adamw', 'toy'}.isdisjoint(words) or words[0] == 'hap'
    return folder not in hint, folder != 'coco', is_variant, len(path), path
