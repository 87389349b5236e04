"""Convolutional and hierarchical backbones of MMPose 1.x and 0.x as models of timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmpose.config.migration.notes import MigrationNotes, Part

KEY = 'model.backbone'
TORCHVISION = 'torchvision://'


class _Family(NamedTuple):
    """A backbone type of MMPose and the models of timm that have its layers.

    Attributes:
        models: Value of ``key`` -> timm's name.
        key: Argument that chooses the model.
        first_map: timm's number of the map that MMPose counts as 0.
        out_indices: MMPose's default.
    """

    models: Mapping[Any, str]
    key: str = 'depth'
    first_map: int = 1
    out_indices: tuple[int, ...] = (3,)


def _depths(pattern: str, *depths: int) -> dict[int, str]:
    return {depth: pattern.format(depth) for depth in depths}


_NETS = {
    'ResNet': _Family(_depths('resnet{}', 18, 34, 50, 101, 152)),
    'ResNetV1d': _Family(_depths('resnet{}d', 18, 34, 50, 101, 152)),
    'ResNeXt': _Family({50: 'resnext50_32x4d', 101: 'resnext101_32x4d', 152: 'resnet152'}),
    'SEResNet': _Family(_depths('seresnet{}', 18, 34, 50, 101, 152)),
    'SEResNeXt': _Family({50: 'seresnext50_32x4d', 101: 'seresnext101_32x4d'}),
    'ResNeSt': _Family(
        {50: 'resnest50d', 101: 'resnest101e', 200: 'resnest200e', 269: 'resnest269e'}
    ),
    'MobileNetV2': _Family(
        {0.35: 'mobilenetv2_035', 0.5: 'mobilenetv2_050', 1.0: 'mobilenetv2_100',
         1.4: 'mobilenetv2_140'},
        'widen_factor',
        out_indices=(7,),
    ),
    'VGG': _Family(_depths('vgg{}', 11, 13, 16, 19)),
    'HRNet': _Family(
        {n: f'hrnet_w{n}' for n in (18, 30, 32, 40, 44, 48, 64)}, 'width', out_indices=(0,)
    ),
    'SwinTransformer': _Family(
        {
            (96, (2, 2, 6, 2)): 'swin_tiny_patch4_window7_224',
            (96, (2, 2, 18, 2)): 'swin_small_patch4_window7_224',
            (128, (2, 2, 18, 2)): 'swin_base_patch4_window7_224',
            (192, (2, 2, 18, 2)): 'swin_large_patch4_window7_224',
        },
        'embed_dims and depths',
        first_map=0,
        out_indices=(0, 1, 2, 3),
    ),
    'PyramidVisionTransformerV2': _Family(
        {
            (32, (2, 2, 2, 2)): 'pvt_v2_b0',
            (64, (2, 2, 2, 2)): 'pvt_v2_b1',
            (64, (3, 4, 6, 3)): 'pvt_v2_b2',
            (64, (3, 4, 18, 3)): 'pvt_v2_b3',
            (64, (3, 8, 27, 3)): 'pvt_v2_b4',
        },
        'embed_dims and num_layers',
        first_map=0,
        out_indices=(0, 1, 2, 3),
    ),
}  # fmt: skip
# Backbones that neither this project nor timm has.
MISSING = (
    'AlexNet', 'CPM', 'CSPDarknet', 'CSPNeXt', 'CSPLayerNet', 'DSTFormer', 'HourglassAENet',
    'HourglassNet', 'HRFormer', 'I3D', 'LiteHRNet', 'MobileNetV3', 'MSPN',
    'PyramidVisionTransformer', 'RSN', 'SCNet', 'ShuffleNetV1', 'ShuffleNetV2', 'TCFormer',
    'TCN', 'V2VNet', 'ViPNAS_MobileNetV3', 'ViPNAS_ResNet',
)  # fmt: skip
# Arguments without effect on the network, with the values for which that holds; None is any value.
_NEUTRAL: dict[str, tuple[Any, ...] | None] = {
    'in_channels': (3,), 'num_stages': (4,), 'style': ('pytorch',), 'deep_stem': (False,),
    'avg_down': (False,), 'conv_cfg': (None,), 'act_cfg': None, 'with_cp': (False,),
    'zero_init_residual': None, 'pretrained': (None,), 'convert_weights': None,
    'patch_norm': (True,), 'qkv_bias': (True,), 'qk_scale': (None,), 'attn_drop_rate': (0.0,),
    'drop_rate': (0.0,), 'mlp_ratio': (4,), 'num_classes': None, 'ceil_mode': (False,),
    'use_abs_pos_embed': (False,), '_scope_': None, 'strides': ((1, 2, 2, 2),),
    'num_heads': ((3, 6, 12, 24), (4, 8, 16, 32), (6, 12, 24, 48), (1, 2, 5, 8)),
    'dilations': ((1, 1, 1, 1),),
}  # fmt: skip


def translate_backbone(cfg: Mapping[str, Any], notes: MigrationNotes) -> dict[str, Any]:
    """Returns a backbone of MMPose in our words; several maps come for ``out_indices`` of several.

    What has no counterpart goes to ``notes.refused``; the result is then not to be built. Weights
    named ``torchvision://`` become timm's of the same origin; any other file or address is left to
    :func:`pretrained_weights`, and belongs into ``model.pretrained``.

    Args:
        cfg: ``model.backbone`` of MMPose, type included.
        notes: Gets what was done.
    """
    part = Part(_plain(cfg), KEY, notes)
    if part.kind not in _NETS:
        why = 'timm has no such network' if part.kind in MISSING else 'it is unknown here'
        part.refuse('type', f"'{part.kind}': {why}; docs/extending.md shows how to add it")
        return dict(cfg)
    init = part.left.pop('init_cfg', None)
    result = _translate_net(part)
    _add_weights(result, init, part)
    for key, value in list(part.left.items()):
        if key not in _NEUTRAL or (_NEUTRAL[key] is not None and value not in _NEUTRAL[key]):
            part.refuse(key, f'{part.kind} has no {key}={value!r} here')
        else:
            part.drop('as in the network that is built', key)
    return result


def pretrained_weights(cfg: Mapping[str, Any]) -> str | None:
    """Returns what ``model.pretrained`` has to be for a backbone of MMPose; None for nothing."""
    init = cfg.get('init_cfg')
    found = init.get('checkpoint') if isinstance(init, Mapping) else cfg.get('pretrained')
    return None if found is None or str(found).startswith(TORCHVISION) else str(found)


def _translate_net(part: Part) -> dict[str, Any]:
    kind, rest, family = part.kind, part.left, _NETS[part.kind]
    args: dict[str, Any] = {}
    choice = _choose(part, args)
    name = family.models.get(choice)
    if name is None:
        known = ', '.join(str(x) for x in family.models)
        part.refuse(family.key, f'{kind} of timm has {known}, not {choice}')
        name = next(iter(family.models.values()))
    has_norms = _norm(part, None if kind == 'VGG' else 'BN')
    if kind == 'VGG' and has_norms:
        name += '_bn'
    if isinstance(index := rest.get('out_indices'), int):
        rest['out_indices'] = (index,)
    wanted = part.take('out_indices', family.out_indices) or family.out_indices
    indices: Any = tuple(family.first_map + index for index in wanted)
    if kind == 'MobileNetV2':
        # its layers 1 to 6 end the strides 2, 4, 8, 16, 16, 32; 7 is the last
        strides = {1: 0, 2: 1, 3: 2, 5: 3, 7: None}
        indices = tuple(strides.get(index, -1) for index in wanted)
        if -1 in indices or (None in indices and len(indices) > 1):
            part.refuse('out_indices', f'timm gives no map {wanted} of {kind}')
    if kind == 'VGG':
        indices = (-1,)
    if kind == 'HRNet' and rest.pop('multiscale', False):
        indices = (1, 2, 3, 4)
    result = {'type': 'TimmBackbone', 'name': name}
    result['out_indices'] = indices[0] if len(indices) == 1 else indices
    result |= {key: rest.pop(key) for key in ('frozen_stages', 'norm_eval') if key in rest}
    if rest.get('upsample'):
        result['upsample_mode'] = rest.pop('upsample')
    if args:
        result['model_args'] = args
    part.notes.exact[KEY] = f"TimmBackbone '{name}', out_indices={result['out_indices']}"
    return result


def _choose(part: Part, args: dict[str, Any]) -> Any:
    """Returns what chooses the model of a family, and fills the arguments of the model."""
    kind = part.kind
    if kind == 'HRNet':
        args['head'] = ''
        return _hrnet_width(part)
    if kind == 'MobileNetV2':
        return float(part.take('widen_factor', 1.0, to='name'))
    if kind == 'PyramidVisionTransformerV2':
        layers = tuple(part.take('num_layers', (3, 4, 6, 3), to='name'))
        return part.take('embed_dims', 64, to='name'), layers
    if kind == 'SwinTransformer':
        # MMPose pads images of any size to whole windows, and drops 0.1 of the paths by default
        args.update(strict_img_size=False, always_partition=True)
        args['window_size'] = part.take('window_size', 7)
        args['drop_path_rate'] = part.take('drop_path_rate', 0.1)
        depths = tuple(part.take('depths', (2, 2, 6, 2), to='name'))
        return part.take('embed_dims', 96, to='name'), depths
    depth = part.take('depth', 50, to='name')
    if kind == 'ResNeXt':
        args['cardinality'] = part.take('groups', 32, to='cardinality')
        args['base_width'] = part.take('width_per_group', 4, to='base_width')
    if kind == 'ResNeSt' and depth > 50:  # timm's have a stem of 128 channels, MMPose's of 64
        args['stem_width'] = part.take('stem_channels', 64, to='stem_width') // 2
    return depth


def _hrnet_width(part: Part) -> Any:
    """Returns the channels of the finest branch, if the network has timm's numbers of blocks."""
    extra = part.part('extra')
    stages = {f'stage{n}': extra.part(f'stage{n}').left for n in range(1, 5)}
    widths = stages['stage2'].get('num_channels')
    width = widths[0] if isinstance(widths, tuple) and {*map(type, widths)} == {int} else 0
    expected = {
        f'stage{n}': dict(
            num_modules=modules,
            num_branches=n,
            block='BOTTLENECK' if n == 1 else 'BASIC',
            num_blocks=(4,) * n,
            num_channels=(64,) if n == 1 else tuple(width * 2**i for i in range(n)),
        )
        for n, modules in ((1, 1), (2, 1), (3, 4), (4, 3))
    }
    for stage, wanted in expected.items():
        own = stages[stage]
        if own.pop('multiscale_output', False):
            part.left['multiscale'] = True
        if own != wanted:
            part.refuse(f'extra.{stage}', f'{own}; hrnet_w{width} of timm has {wanted}')
    mode = extra.part('upsample').left.get('mode', 'nearest')
    if mode != 'nearest':
        part.left['upsample'] = mode
    return width


def _norm(part: Part, default: str | None) -> bool:
    """Takes ``norm_cfg`` and tells whether there are batch norms."""
    kind = part.part('norm_cfg').kind or default
    if kind == 'SyncBN':
        why = 'set sync_bn=True, which joins the batch norms of ranks'
        part.notes.inexact[part.place('norm_cfg')] = why
    elif kind not in ('BN', 'LN', None):
        part.refuse('norm_cfg', f'{kind}; the models of timm have their own norms')
    return kind is not None


def _add_weights(result: dict[str, Any], init: Any, part: Part) -> None:
    checkpoint = str(init.get('checkpoint', '')) if isinstance(init, Mapping) else ''
    place = part.place('init_cfg')
    if checkpoint.startswith(TORCHVISION):
        result['pretrained'] = True
        result['name'] += '.tv_in1k'
        part.notes.exact[place] = f"timm's '{result['name']}', the weights of torchvision"
    elif not checkpoint:
        part.notes.inexact[place] = f'random weights of {part.kind} are drawn as timm draws them'


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    return tuple(_plain(x) for x in node) if isinstance(node, (list, tuple)) else node
