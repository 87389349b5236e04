"""Translation of models of MMPose 0.x: top-down, ViTPose+'s with several heads, and PGVL."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

from mmpose.config.migration.backbones import pretrained_weights, translate_backbone
from mmpose.config.migration.notes import MigrationNotes, Part
from mmpose.config.migration.v0_data import UNREAD, Source
from mmpose.metainfo import load_metainfo
from mmpose.registry import CODECS, MODELS
from mmpose.structures import DatasetMeta

Config = dict[str, Any]

MODEL_TYPES = {
    'TopDown': 'TopdownPoseEstimator',
    'TopDownMoE': 'MultiHeadPoseEstimator',
    'PGVL': 'PGVLPoseEstimator',
}
VITS = {'ViT': 'ViT', 'ViTMoE': 'ViTMoE', 'MY_VIT_VisionTransformer': 'ViT'}
LOSSES = ('JointsMSELoss', 'CombinedTargetMSELoss', 'JointsOHKMMSELoss', 'AdaptiveWingLoss')
CHANNELS = (256, 256, 256)
KERNELS = (4, 4, 4)
RADIUS = 0.0546875  # valid_radius_factor, and what the codec takes
BLUR = 11  # modulate_kernel, and what the codecs take
DIMS = (768, 512, 1024)  # of the graphs of the PGVL that was published first, fixed in its code
CLIP_CONTEXT = 13
OWN_DECODER = 'read by the codec of its targets; it is only trained there, and never evaluated'


def translate_model(config: Config, sources: list[Source], notes: MigrationNotes) -> Config:
    """Returns a model of MMPose 0.x in our words.

    Args:
        config: ``model`` there; its type is one of ``MODEL_TYPES``.
        sources: The dataset of each head.
        notes: Get what became of each key.
    """
    part = Part(config, 'model', notes)
    heads = [part.part('keypoint_head'), *part.parts('associate_keypoint_head')]
    if len(heads) != len(sources):
        notes.refused['data.train'] = (
            f'has {len(sources)} datasets for {len(heads)} heads; each dataset has a head here'
        )
        return {}
    out: Config = {
        'type': MODEL_TYPES[part.kind],
        'pretrained': part.take('pretrained', like=''),
        'data_preprocessor': {'type': 'PoseDataPreprocessor', **sources[0].preprocessor},
    }
    part.note_kind(out['type'])
    tests = part.part('test_cfg')
    out['flip_test'] = bool(tests.take('flip_test', True))
    codecs = _codecs(tests, sources)
    out['backbone'] = _backbone(part.part('backbone'), out)
    metas = [load_metainfo(source.dataset['metainfo']) for source in sources]
    found = [_head(*each) for each in zip(heads, codecs, metas, sources, strict=True)]
    skeletons = [source.dataset['metainfo'] for source in sources]
    if part.kind == 'TopDownMoE':
        out |= {'heads': found, 'metainfo': skeletons, 'names': _names(metas)}
    else:
        out |= {'head': found[0], 'metainfo': skeletons[0]}
    if part.kind == 'PGVL':
        out |= _language(part, out, metas[0], sources[0])
    part.expect('neck', None, why='a head reads the features of the backbone')
    part.expect('train_cfg', None, {})
    part.expect('loss_pose', None, why='see keypoint_head.loss_keypoint')
    part.finish()
    return out


def _names(metas: list[DatasetMeta]) -> list[str]:
    """Returns a name per dataset; one whose skeleton was there before gets its number."""
    names = [meta.name for meta in metas]
    return [f'{name}_{i}' if name in names[:i] else name for i, name in enumerate(names)]


def _codecs(tests: Part, sources: list[Source]) -> list[Config]:
    """Returns the codec of each head, from its targets and, for the first, from ``test_cfg``."""
    post = tests.left.get('post_process', 'default')  # None is another one
    tests.take('post_process', to='decoder.decoder')
    rule = {
        'post': post,
        'udp': bool(tests.take('use_udp', False, to='the type of the decoder')),
        'target': tests.take('target_type', 'GaussianHeatmap', to='the type of the decoder'),
        'dark': tests.take('unbiased_decoding', False, to='decoder.decoder'),
        'blur': tests.take('modulate_kernel', BLUR, to='decoder.blur_kernel_size'),
        'shift': bool(tests.take('shift_heatmap', False, to='decoder.shift_heatmap')),
        'radius': tests.take('valid_radius_factor', RADIUS, to='decoder.radius_factor'),
    }
    tests.finish()
    codecs = []
    for i, source in enumerate(sources):
        where = 'TopDownGenerateTarget' + (f' of dataset {source.number}' if i else '')
        codecs.append(_codec(Part(source.target or {}, where, tests.notes), source, rule, i == 0))
        try:
            CODECS.build(dict(codecs[-1]))
        except (TypeError, ValueError) as error:
            why = f'give a codec that cannot be: {error}'
            tests.notes.refused[f'{where}, data_cfg and model.test_cfg'] = why
            codecs[-1].clear()
    return codecs


def _codec(part: Part, source: Source, rule: Config, is_first: bool) -> Config:
    """Returns the codec of a head: its targets, and how ``rule`` reads its heatmaps.

    Args:
        part: ``TopDownGenerateTarget``, without a type if there is no training.
        source: The dataset.
        rule: What ``test_cfg`` says.
        is_first: Whether the head is evaluated there.
    """
    if source.target is None and rule['udp']:
        part.left |= {'encoding': 'UDP', 'target_type': rule['target']}
    encoding = str(part.take('encoding', 'MSRA', to='the type of the decoder')).upper()
    target = part.take('target_type', 'GaussianHeatmap', to='the type of the decoder')
    sigma, kernel = part.take('sigma', 2, like=2.0), part.take('kernel', (11, 11), to='kernel_size')
    default = rule['radius'] if source.target is None else RADIUS
    radius = part.take('valid_radius_factor', default, to='radius_factor')
    unbiased = part.take('unbiased_encoding', False, to='unbiased')
    part.expect('downtarget', True, why='PGVL compares tokens with the names of the keypoints')
    part.drop('the tokens have the size of the feature map', 'downsize', 'same_dim', 'short_dim')
    part.finish()
    is_udp = encoding == 'UDP'
    kind = {'MSRA': 'MSRAHeatmap', 'UDP': 'UDPHeatmap', 'MEGVII': 'MegviiHeatmap'}.get(encoding)
    if kind is None:
        part.refuse('encoding', f"is '{encoding}', expected MSRA, UDP or Megvii")
    if is_udp and target.lower() == 'combinedtarget':
        kind = 'UDPCombinedHeatmap'
    out: Config = {'type': kind, **source.sizes}
    if kind in ('MSRAHeatmap', 'UDPHeatmap'):
        out['sigma'] = sigma
    if is_first:
        _check_reading(part, rule, is_udp, target)
    else:
        part.notes.inexact[f'{part.where}: model.test_cfg'] = OWN_DECODER
    if kind == 'MegviiHeatmap':
        return {**out, 'kernel_size': next(iter(kernel), 0)}
    if kind == 'UDPCombinedHeatmap':
        out |= {} if radius == RADIUS else {'radius_factor': radius}
    elif kind == 'MSRAHeatmap':
        out |= _reading(part, rule, unbiased, is_first)
    return out if rule['blur'] == BLUR else {**out, 'blur_kernel_size': rule['blur']}


def _check_reading(part: Part, rule: Config, is_udp: bool, target: str) -> None:
    """Refuses a ``test_cfg`` that reads other heatmaps than the targets are."""
    refused = part.notes.refused
    if is_udp != rule['udp'] or (is_udp and target.lower() != rule['target'].lower()):
        refused['model.test_cfg'] = (
            f'reads use_udp={rule["udp"]} and {rule["target"]}, but {part.where} draws '
            f'{"UDP" if is_udp else "other"} targets of {target}; one codec does both here'
        )
    if is_udp and rule['shift']:
        refused['model.test_cfg.shift_heatmap'] = 'is True; UDP heatmaps are never shifted here'


def _reading(part: Part, rule: Config, unbiased: bool, is_first: bool) -> Config:
    """Returns what MSRA heatmaps are read by, as far as it is not the default here."""
    out: Config = {'unbiased': True} if unbiased else {}
    if not is_first:
        return out
    post = 'dark' if rule['dark'] or rule['post'] == 'unbiased' else 'quarter'
    post = 'argmax' if rule['post'] in (None, False) else post
    if rule['post'] == 'megvii':
        part.notes.refused['model.test_cfg.post_process'] = "is 'megvii' for other targets"
    if post != ('dark' if unbiased else 'quarter'):
        out['decoder'] = post
    return out if rule['shift'] else {**out, 'shift_heatmap': False}


def _backbone(part: Part, out: Config) -> Config:
    kind = VITS.get(part.kind, part.kind)
    built = MODELS.get(kind) if kind else None
    if built is None:
        weights = {} if out['pretrained'] is None else {'checkpoint': out['pretrained']}
        theirs = {'type': kind, **part.left, 'init_cfg': weights}
        out['pretrained'] = pretrained_weights(theirs)
        return translate_backbone(theirs, part.notes)
    if kind not in VITS.values():
        return part.keep_all()
    part.note_kind(kind)
    part.drop(UNREAD, 'style', 'num_classes')
    part.expect('hybrid_backbone', None)
    part.expect('norm_layer', None)
    out['pretrained'] = part.take('pretrained', out['pretrained'], 'model.pretrained', like='')
    known = {**signature(MODELS.get('ViT')).parameters, **signature(built).parameters}
    known.pop('kwargs', None)
    found: Config = {'type': kind}
    if 'img_size' in part.left:
        found['img_size'] = part.take_size('img_size', 224)
    for key in [key for key in part.left if key in known]:
        example = known[key].default
        found[key] = part.take(key, like=None if example is Parameter.empty else example)
    if part.kind == 'MY_VIT_VisionTransformer':
        found['norm_eps'] = 1e-5
    part.finish()
    return found


def _head(part: Part, codec: Config, meta: DatasetMeta, source: Source) -> Config:
    if part.kind != 'TopdownHeatmapSimpleHead':
        part.refuse('type', f"'{part.kind}' has no counterpart; there is TopdownHeatmapSimpleHead")
        return {}
    part.note_kind('HeatmapHead')
    num = part.take('num_deconv_layers', 3, to='deconv_out_channels')
    widths = part.take('num_deconv_filters', CHANNELS, to='deconv_out_channels')
    kernels = part.take('num_deconv_kernels', KERNELS, to='deconv_kernel_sizes')
    extra = part.part('extra')
    final = extra.take('final_conv_kernel', 1, to='final_layer')
    extra.expect('num_conv_layers', 0, why='there is no layer between')
    extra.drop('there is no layer between', 'num_conv_kernels')
    extra.finish()
    out: Config = {
        'type': 'HeatmapHead',
        'in_channels': part.take('in_channels', like=768),
        'out_channels': part.take('out_channels', like=17),
        'decoder': codec,
        'deconv_out_channels': tuple(widths[:num]),
        'deconv_kernel_sizes': tuple(kernels[:num]),
        'final_layer': {'kernel_size': final} if final else None,
        'loss': _loss(part),
    }
    factor = part.take('upsample', 0)
    if factor > 1:
        out['upsample'] = factor
    part.expect('input_transform', None, why='a head reads one feature map')
    part.expect('in_index', 0, why='a head reads one feature map')
    part.expect('align_corners', False)
    part.drop(UNREAD, 'train_cfg', 'test_cfg')
    part.finish()
    _fit_channels(part, out, meta, source)
    return out


def _loss(part: Part) -> Config:
    loss = part.part('loss_keypoint')
    if loss.kind not in LOSSES:
        loss.refuse('type', f"'{loss.kind}' has no counterpart; there are {', '.join(LOSSES)}")
    given = {'loss_weight': loss.take('loss_weight', 1.0)} if 'loss_weight' in loss.left else {}
    return {**loss.keep_all(), **given}


def _fit_channels(part: Part, out: Config, meta: DatasetMeta, source: Source) -> None:
    """Gives a head that is padded to the keypoints of others its own, with an equal loss."""
    theirs = out['out_channels']
    if not out['decoder']:
        return
    own = CODECS.build(dict(out['decoder'])).num_channels(meta.num_keypoints)
    if theirs == own or theirs is None:
        return
    if theirs < own or source.num_padded != theirs:
        place = part.place('out_channels')
        part.notes.refused[place] = f"is {theirs}, but the skeleton '{meta.name}' needs {own}"
        return
    weight = out['loss'].get('loss_weight', 1.0) * own / theirs
    out |= {'out_channels': own, 'loss': {**out['loss'], 'loss_weight': weight}}
    part.notes.exact[part.place('out_channels')] = (
        f'{own} and loss_weight={own}/{theirs}: {theirs - own} channels without keypoints go'
    )


def _language(part: Part, out: Config, meta: DatasetMeta, source: Source) -> Config:
    """Returns what PGVL has beside a top-down model, and mends its image size."""
    if 'img_size' in out['backbone']:
        out['backbone']['img_size'] = source.sizes['input_size'][::-1]
        part.notes.inexact['model.backbone.img_size'] = (
            'height and width of the crops; PGVL takes width and height, which changes how the '
            'position embeddings of a pre-trained backbone are resized'
        )
    text, prompt = part.part('text_encoder'), part.part('prompt_encoder')
    width = text.take('transformer_width', 512, to='width')
    context = text.take('context_length', CLIP_CONTEXT)
    encoder = {
        'type': 'CLIPTextEncoder',
        'width': width,
        'out_channels': text.take('embed_dim', width, to='out_channels'),
        'layers': text.take('transformer_layers', 12, to='layers'),
        'heads': text.take('transformer_heads', 8, to='heads'),
        'context_length': context,
        'pretrained': text.take('pretrained'),
    }
    text.note_kind('CLIPTextEncoder')
    prompts = {
        'type': 'PromptEncoder',
        'layers': prompt.take('transformer_layers', 1, to='layers'),
        'heads': prompt.take('transformer_heads', 8, to='heads'),
    }
    prompt.note_kind('PromptEncoder')
    prompt.drop('known from the text encoder and the skeleton', 'prompt_num', 'transformer_width',
                'embed_dim')  # fmt: skip
    for inner in (text, prompt):
        inner.drop(UNREAD, 'style')
        inner.finish()
    names = part.take('class_names', (), to='model.prompts')
    if len(names) != meta.num_keypoints:
        part.refuse('class_names', f'has {len(names)} texts for {meta.num_keypoints} keypoints')
        names = meta.keypoint_names
    pairs = zip(meta.keypoint_names, names, strict=True)
    part.drop(UNREAD, 'score_concat_index', 'visual_dim', 'text_dim', 'token_embed_dim',
              'context_decoder', 'identity_head', 'upconv_head')  # fmt: skip
    part.drop('text_encoder.pretrained is the same file', 'clip_pretrained')
    words = part.take('context_length', 5, to='num_contexts, the rest of the text')
    weight = part.take('CL_ratio', 0.001, to='feature_loss.loss_weight')
    return {
        'text_encoder': encoder,
        'prompt_encoder': prompts,
        'num_contexts': context - words,
        'prompts': {key: text for key, text in pairs if text != key.replace('_', ' ')},
        'feature_loss': {'type': 'ContrastiveFeatureLoss', 'loss_weight': weight},
        'parse_graph': _parse_graph(part, out),
    }


def _parse_graph(part: Part, out: Config) -> Config:
    """Returns the graphs of the network of the paper, or of the one that was published first."""
    width = out['backbone'].get('embed_dim')
    is_linear = part.take('ALL_LINEAR', None, to='parse_graph.project_all')
    dims = part.take('parse_dim_list', to='parse_graph.dims')
    if dims is None:
        graph = {'type': 'ParseGraph', 'variant': 'fuse', 'dims': DIMS, 'dim': width}
        return {**graph, 'project_all': True} if is_linear else graph
    dim = part.take('target_dim', 768, to='parse_graph.dim')
    for key, one in (('ew', 2), ('gp_list', [2, 2])):
        part.expect(key, [one] * len(dims), why='graphs have three levels of two children')
    part.expect('num_heads', 2, why='graphs have three levels of two children')
    read = list(part.take('src_to_dim', [width, dim], to='the widths of the parts'))
    if read != [width, dim]:
        part.refuse('src_to_dim', f'is {read}, but the backbone and the graph have {width}, {dim}')
    mode = part.take('mode', 1, to='parse_graph.mode')
    return {'type': 'ParseGraph', 'variant': 'guided', 'dims': tuple(dims), 'dim': dim,
            'mode': mode}  # fmt: skip
