"""Translation of models of MMPose 1.x, and of VLPose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmpose.config.migration.backbones import pretrained_weights, translate_backbone
from mmpose.config.migration.notes import MigrationNotes, Part
from mmpose.registry import CODECS, MODELS

Config = dict[str, Any]

# arch of mmpretrain's VisionTransformer -> width, blocks, heads, width of the feed-forward part
ARCHS = {
    'small': (768, 8, 8, 768 * 3), 'base': (768, 12, 12, 3072), 'large': (1024, 24, 16, 4096),
    'huge': (1280, 32, 16, 5120), 'deit-tiny': (192, 12, 3, 768),
    'deit-small': (384, 12, 6, 1536), 'deit-base': (768, 12, 12, 3072),
}  # fmt: skip
SHORT = {'s': 'small', 'b': 'base', 'l': 'large', 'h': 'huge',
         'deit-t': 'deit-tiny', 'deit-s': 'deit-small', 'deit-b': 'deit-base'}  # fmt: skip
ARCH_KEYS = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')
CODEC = {
    'MSRAHeatmap': ('sigma', 'unbiased', 'blur_kernel_size', 'decoder', 'shift_heatmap'),
    'MegviiHeatmap': ('kernel_size',), 'UDPHeatmap': ('sigma', 'blur_kernel_size', 'blur_border'),
    'UDPCombinedHeatmap': ('radius_factor', 'blur_kernel_size', 'blur_offsets'),
}  # fmt: skip
# how MMPose 1.x reads heatmaps where it differs from 0.x
READING: dict[str, Config] = {
    'UDPHeatmap': {'blur_border': 'zero'},
    'UDPCombinedHeatmap': {'blur_offsets': False},
}
LOSSES = ('KeypointMSELoss', 'KeypointOHKMMSELoss', 'CombinedTargetMSELoss', 'AdaptiveWingLoss',
          'JointsMSELoss', 'JointsOHKMMSELoss')  # fmt: skip
VLPOSE = 'ConditionalVisionLanguageTopdownPoseEstimator'
OURS = ('metainfo', 'flip_test', 'pretrained', 'pretrained_metainfo', 'trust_checkpoint')
FALLBACK_ONLY, BY_FOLDER = -1, 1  # num_keywords of VLPose


def translate_model(config: Config, notes: MigrationNotes) -> Config:
    """Returns a model of MMPose 1.x in our words, without ``metainfo`` if it has none.

    Args:
        config: ``model`` there.
        notes: Get what became of each key.
    """
    part = Part(config, 'model', notes)
    out: Config = {'type': 'TopdownPoseEstimator', 'pretrained': None}
    if part.kind not in ('TopdownPoseEstimator', VLPOSE):
        part.refuse('type', f"'{part.kind}' has no counterpart; models are top-down with heatmaps")
        return {**out, 'head': {}}
    language = _language(part) if part.kind == VLPOSE else {}
    out |= {**part.keep(*OURS), **language}
    part.note_kind(out['type'])
    out['data_preprocessor'] = _preprocessor(part)
    backbone = part.part('image_encoder' if language else 'backbone')
    out['backbone'], pretrained = _backbone(backbone)
    out['pretrained'] = pretrained if out['pretrained'] is None else out['pretrained']
    out['head'] = _head(part.part('head'))
    theirs, neck = part.left.get('neck'), part.part('neck')
    if neck.left.get('concat') or (neck.kind != 'FeatureMapProcessor' and neck.is_in(MODELS)):
        out['neck'] = dict(theirs)
        notes.exact[neck.where] = 'model.neck'
    else:
        out['head'] |= _upsampling(neck, out['backbone'])
    out['test_cfg'] = _test_cfg(part, out['head'].get('decoder'))
    out.pop('flip_test', None)
    part.expect('init_cfg', None, {})
    part.drop('the accuracy is always logged', 'train_cfg')
    part.finish()
    return out


def _preprocessor(part: Part) -> Config:
    config = part.left.pop('data_preprocessor', None) or {'type': 'PoseDataPreprocessor'}
    inner = Part(config, part.place('data_preprocessor'), part.notes)
    if inner.kind != 'PoseDataPreprocessor':
        inner.refuse('type', f"'{inner.kind}' has no counterpart here")
    out = {'type': 'PoseDataPreprocessor'}
    # without these, MMPose 1.x leaves the pixels as they are
    if 'mean' not in inner.left and 'std' not in inner.left:
        out |= {'mean': [0.0] * 3, 'std': [1.0] * 3}
    out |= {'bgr_to_rgb': False, **inner.keep('mean', 'std', 'bgr_to_rgb', 'non_blocking')}
    inner.expect('rgb_to_bgr', False)
    inner.expect('batch_augments', None, [])
    inner.expect('pad_size_divisor', 1)
    inner.drop('crops need no padding', 'pad_value')
    inner.finish()
    return out


def _test_cfg(part: Part, codec: Config | None) -> Config:
    """Returns ``test_cfg`` with the defaults of MMPose 1.x, for a codec that can do it."""
    inner = part.part('test_cfg')
    out: Config = {'flip_test': bool(inner.take('flip_test', False))}
    if out['flip_test']:
        out['flip_mode'] = inner.take('flip_mode', 'heatmap')
        out['shift_heatmap'] = bool(inner.take('shift_heatmap', False))
    inner.drop('nothing is flipped', 'flip_mode', 'shift_heatmap')
    inner.expect('output_heatmaps', False)
    inner.expect('output_keypoint_indices', None)
    inner.finish()
    if codec and out['flip_test']:
        options = {key: out[key] for key in ('flip_mode', 'shift_heatmap')}
        try:
            CODECS.build(dict(codec)).set_flip_options(**options)
        except ValueError as error:
            inner.refuse('flip_test', f'cannot be: {error}')
    return out


def as_codec(config: Any, where: str, notes: MigrationNotes) -> Config | None:
    """Returns a codec in our words; None if there is none.

    Args:
        config: The codec there.
        where: Its dotted key.
        notes: Get what became of each key.
    """
    if not isinstance(config, Mapping):
        notes.refused[where] = 'is a list of codecs; a head has one'
        return None
    part = Part(config, where, notes)
    kind = part.kind
    if kind == 'UDPHeatmap' and part.take('heatmap_type', 'gaussian', to='type') == 'combined':
        kind = 'UDPCombinedHeatmap'
        part.drop('discs have no sigma', 'sigma')
    if kind not in CODEC:
        part.refuse('type', f"'{kind}' has no counterpart; heads predict heatmaps")
        return None
    part.note_kind(kind)
    if kind == 'UDPHeatmap':
        part.drop('for discs only', 'radius_factor')
    out = {'type': kind, **part.keep('input_size', 'heatmap_size', *CODEC[kind])}
    if kind == 'MSRAHeatmap' and not out.get('unbiased'):
        out.setdefault('decoder', 'quarter_per_axis')
    out = READING.get(kind, {}) | out
    part.finish()
    try:
        CODECS.build(dict(out))
    except TypeError as error:  # a size that is missing, or none
        notes.refused[where] = f'cannot be built: {error}'
        return None
    return out


def _head(part: Part) -> Config:
    kinds = {'HeatmapHead': 'HeatmapHead', 'VisionLanguageHeatmapHead': 'TwoBranchHead'}
    is_own = part.kind not in kinds and part.is_in(MODELS)  # of the user's
    if part.kind not in kinds and not is_own:
        part.refuse('type', f"'{part.kind}' has no counterpart; heads are HeatmapHead")
        return {}
    out = {'type': kinds.get(part.kind, part.kind)}
    part.note_kind(out['type'])
    if out['type'] == 'TwoBranchHead':
        is_whole = 'deconv_type' in part.left
        part.expect('deconv_type', 'first_amiddle_last_add')
        if not is_whole:
            part.refuse('deconv_type', 'is missing; this file is a base of others')
        out['freeze_main_branch'] = part.take('freeze_main_branch', True)
    out |= part.keep('in_channels', 'out_channels', 'deconv_out_channels', 'deconv_kernel_sizes')
    out |= part.keep('final_layer', 'conv_out_channels', 'conv_kernel_sizes')
    if not out.get('deconv_out_channels', True):  # MMPose does not read the kernels then
        out['deconv_kernel_sizes'] = None
    part.drop('heads draw their weights as published', 'init_cfg')
    if 'decoder' in part.left:
        out['decoder'] = as_codec(part.left.pop('decoder'), part.place('decoder'), part.notes)
    loss = part.left.pop('loss', None) or {'type': LOSSES[0], 'use_target_weight': True}
    out['loss'] = _loss(loss, part.place('loss'), part.notes)
    if is_own:
        return {**out, **part.keep(*part.left)}
    part.finish()
    return out


def _loss(config: Any, where: str, notes: MigrationNotes) -> Config | None:
    if not isinstance(config, Mapping):
        notes.refused[where] = 'is a list of losses; a head has one'
        return None
    part = Part(config, where, notes)
    if part.kind not in LOSSES and not part.is_in(MODELS):
        part.refuse('type', f"'{part.kind}' has no counterpart; there are {', '.join(LOSSES)}")
        return None
    return part.keep_all()


def _upsampling(part: Part, backbone: Config) -> Config:
    """Returns the argument of the head that stands for a neck that enlarges features.

    Of a backbone with several maps the one that is chosen stays, the last without a choice.
    """
    maps = backbone.get('out_indices')
    if not (part.type or part.left):
        if isinstance(maps, tuple):
            backbone['out_indices'] = maps[-1]
        return {}
    if part.kind != 'FeatureMapProcessor':
        part.refuse('type', f"'{part.kind}' has no counterpart here")
        return {}
    part.note_kind('head.upsample')
    part.expect('concat', False)
    chosen = part.take('select_index', to='backbone.out_indices')
    if isinstance(maps, tuple):
        chosen = chosen if isinstance(chosen, (list, tuple)) else [-1 if chosen is None else chosen]
        if len(chosen) > 1:
            part.refuse('select_index', f'is {chosen}; without concat heads read one map')
        backbone['out_indices'] = maps[chosen[-1]]
    part.expect('align_corners', False)
    factor = part.take('scale_factor', 1.0, to='head.upsample')
    relu = part.take('apply_relu', False, to='head.upsample')
    part.finish()
    if factor != int(factor) or relu != (factor > 1):
        part.refuse('scale_factor', f'is {factor} with apply_relu={relu}; here a whole factor and '
                    'a ReLU go together')  # fmt: skip
    return {'upsample': int(factor)} if factor > 1 else {}


def _backbone(part: Part) -> tuple[Config, str | None]:
    """Returns a backbone in our words, and the checkpoint that it starts from."""
    config = {'type': part.kind, **part.left}
    pretrained = None
    for inner in part.parts('init_cfg'):
        if inner.kind == 'Pretrained':
            pretrained = inner.take('checkpoint', to='model.pretrained')
            inner.drop('the part of a file is found by its names', 'prefix')
        else:
            inner.drop('layers draw their weights in the way of this project', *inner.left)
        inner.finish()
    if part.kind == 'VisionTransformer' or (part.kind == 'ViTPrompt' and 'arch' in part.left):
        return _vit(part), pretrained
    if part.is_in(MODELS):
        return part.keep_all(), pretrained
    return translate_backbone(config, part.notes), pretrained_weights(config)


def _vit(part: Part) -> Config:
    """Returns mmpretrain's VisionTransformer, or that of VLPose, in our words."""
    arch = part.take('arch', to='embed_dim, depth, num_heads, mlp_ratio') or 'base'
    if not isinstance(arch, Mapping):
        name = SHORT.get(str(arch).lower(), str(arch).lower())
        if name not in ARCHS:
            part.refuse('arch', f"'{arch}' has no counterpart; there are {', '.join(ARCHS)}")
        arch = dict(zip(ARCH_KEYS, ARCHS.get(name, ARCHS['base']), strict=True))
    sizes = Part(arch, part.place('arch'), part.notes)
    for key in [key for key in ARCH_KEYS if arch.get(key) is None]:
        sizes.refuse(key, 'is missing')
    width, depth, heads, hidden = (sizes.take(key, 1) for key in ARCH_KEYS)
    out: Config = {
        'type': 'ViT',
        'img_size': part.take_size('img_size', 224),
        'patch_size': part.take('patch_size', 16),
        'in_chans': part.take('in_channels', 3, to='in_chans'),
        'embed_dim': width,
        'depth': depth,
        'num_heads': heads,
        'mlp_ratio': hidden / max(width, 1),
        **part.keep('qkv_bias', 'drop_rate', 'drop_path_rate'),
    }
    why = 'the tokens of the image become a feature map'
    is_vlpose = 'output_cls_token' in part.left
    part.expect('output_cls_token', False, why=why)
    if part.left.pop('with_cls_token', True):
        part.refuse('with_cls_token', f'is True; set it to False: {why}')
    else:
        part.notes.inexact[part.place('with_cls_token')] = (
            'row 0 of pos_embed, which belonged to the class token, is added to every token, and '
            'trained'
        )
    if not is_vlpose:
        part.left.setdefault('out_type', 'cls_token')
        part.expect('out_type', 'featmap', why=why)
    part.left.setdefault('patch_cfg', {})
    part.expect('out_indices', -1, why='a head reads the last feature map')
    part.expect('interpolate_mode', 'bicubic')
    part.expect('patch_cfg', {'padding': 2}, why='the weights of ViTPose are for this')
    part.expect('norm_cfg', {'type': 'LN', 'eps': 1e-6})
    part.expect('pre_norm', False)
    part.expect('layer_scale_init_value', 0.0)
    if not part.take('final_norm', True, to='last_norm'):
        out['last_norm'] = False
    frozen = part.take('frozen_stages', -1)
    prompts = part.take('prompt_config', None, to='tuning, num_tokens')
    if is_vlpose and part.where.endswith('image_encoder'):
        out |= _tuning(part, prompts, frozen, depth)
    elif frozen > 0:  # there, 0 freezes nothing
        out['frozen_stages'] = frozen
    part.note_kind(out['type'])
    part.finish()
    return out


def _tuning(part: Part, prompts: Config | None, frozen: int, depth: int) -> Config:
    """Returns how VLPose tunes its backbone."""
    out: Config = {'type': 'ViTPrompt'}
    if part.kind == 'ViTPrompt' and prompts:
        mode = 'dp' if prompts.get('deep') else 'sp'
        out |= {'tuning': mode, 'num_tokens': prompts.get('num_tokens', 0)}
        part.notes.inexact[part.place('frozen_stages')] = (
            'frozen blocks have no stochastic depth here'
        )
        expected = depth
    else:
        expected = depth - 1 if frozen > 0 else frozen
        out['tuning'] = 'll' if frozen > 0 else 'ff'
    if frozen != expected:
        part.refuse('frozen_stages', f'is {frozen}; expected {depth} with prompts, else '
                    f'{depth - 1} or -1')  # fmt: skip
    return out


def _language(part: Part) -> Config:
    """Returns the parts of VLPose that read sentences."""
    text, match = part.part('text_encoder'), part.part('image_text_matcher')
    text.expect('name', 'blip_feature_extractor', why='the text model is that of BLIP')
    text.expect('model_type', 'base', why='the text model is that of BLIP')
    text.drop('widths follow from the parts', 'text_embed', 'image_embed')
    words = text.take('num_keywords', BY_FOLDER, to='model.prompts')
    table = text.take('text_prompt_file', '', to='model.prompts')
    text.drop('read with two keywords only', 'keypoints_anno_file')
    text.notes.inexact[text.where] = 'has no dropout while training here'
    text.finish()
    match.expect('matcher_type', 'concat_attn')
    match.expect('qkv_bias', True)
    match.drop('that of the backbone', 'embed_dims')
    prompts: Any = {}
    if words == BY_FOLDER:
        prompts = _sentences(table, text)
    elif words != FALLBACK_ONLY:
        text.refuse('num_keywords', f'is {words}; expected {FALLBACK_ONLY} or {BY_FOLDER}')
    out = {
        'type': 'VLPoseEstimator',
        'prompts': prompts,
        'attend_padding': True,
        'text_encoder': {'type': 'BlipTextEncoder', 'pretrained': None},
        'matcher': {'type': 'RelationMatcher', **match.keep('num_heads', 'attn_drop')},
    }
    match.finish()
    return out


def _sentences(table: str, text: Part) -> Any:
    """Returns the sentence per folder of VLPose's file, or ours, as it was never published."""
    if Path(table).is_file():
        import yaml

        return dict(yaml.safe_load(Path(table).read_text(encoding='utf-8')))
    text.notes.inexact[text.place('text_prompt_file')] = (
        f'model.prompts: {table} is not there (it was never published), so our sentences, '
        "'humanart', are taken"
    )
    return 'humanart'
