"""Translation of composed configs of MMPose 1.x, and of forks that keep its words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mmpose.config.migration.datasets import DATASETS_1X, DEEPFASHION_SUBSETS, REFUSED, Row
from mmpose.config.migration.notes import MigrationNotes, Part
from mmpose.config.migration.v0_data import skeleton_of
from mmpose.config.migration.v1_model import as_codec, translate_model
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS, HOOKS, METRICS, TRANSFORMS

Config = dict[str, Any]

# what mmengine's runner reads, in the same words here
RUNTIME = (
    'auto_scale_lr', 'compile', 'default_scope', 'env_cfg', 'experiment_name',
    'find_unused_parameters', 'launcher', 'load_from', 'log_level', 'log_processor',
    'model_wrapper_cfg', 'param_scheduler', 'randomness', 'resume', 'strategy', 'sync_bn',
    'trust_checkpoint', 'vis_backends', 'visualizer', 'work_dir',
)  # fmt: skip
LOADER = (
    'batch_size', 'drop_last', 'num_workers', 'persistent_workers', 'pin_memory',
    'prefetch_factor', 'timeout',
)  # fmt: skip
DATASET = (
    'ann_file', 'bbox_format', 'bbox_score_thr', 'data_prefix', 'data_root', 'dataset_idx',
    'indices', 'on_bad_image', 'test_mode',
)  # fmt: skip
# transform -> arguments with the same names and the same effect
TRANSFORM: dict[str, tuple[str, ...]] = {
    'Albumentation': ('transforms',),
    'GetBBoxCenterScale': ('padding',),
    'LoadImage': ('apply_exif', 'reduced_for_wh', 'backend_args'),
    'PhotometricDistortion': (
        'brightness_delta', 'contrast_range', 'saturation_range', 'hue_delta',
    ),
    'RandomBBoxTransform': (
        'shift_factor', 'shift_prob', 'scale_factor', 'scale_prob', 'rotate_factor',
        'rotate_prob',
    ),
    'RandomFlip': ('prob', 'direction'),
    'RandomHalfBody': (
        'min_total_keypoints', 'min_upper_keypoints', 'min_lower_keypoints', 'padding', 'prob',
        'upper_prioritized_prob',
    ),
    'TopdownAffine': ('input_size', 'use_udp'),
}  # fmt: skip
OKS = (
    'score_mode', 'keypoint_score_thr', 'nms_mode', 'nms_thr', 'format_only', 'outfile_prefix',
    'prefix',
)  # fmt: skip
METRIC: dict[str, tuple[str, ...]] = {
    'AUC': ('norm_factor', 'num_thrs', 'prefix'), 'CocoMetric': ('use_area', *OKS),
    'CocoWholeBodyMetric': OKS, 'EPE': ('prefix',),
    'JhmdbPCKAccuracy': ('thr', 'norm_item', 'prefix'), 'MpiiPCKAccuracy': ('thr', 'prefix'),
    'NME': ('norm_mode', 'norm_item', 'keypoint_indices', 'prefix'),
    'PCKAccuracy': ('thr', 'norm_item', 'prefix'), 'PoseTrack18Metric': OKS,
}  # fmt: skip
# the neck and the belly of JHMDB, whose distance MMPose calls the torso
JHMDB_TORSO = (4, 5)
SAVE_BEST = {'Mean PCK': 'PCK', 'posetrack18/Total AP': 'posetrack18/AP'}
NO_LOOP = 'has no counterpart; trainings count epochs, and there is one loop to evaluate'
ALBUMENTATIONS = 'the library has to be 2.0 or newer, which renamed some arguments'
VARIABLE = 'a variable of the file; what it was used for is translated'
INNER_IMPORTS = 'mmpose.'  # modules of MMPose itself


def translate_v1(cfg: Config, notes: MigrationNotes) -> Config:
    """Returns a config of MMPose 1.x in our words.

    Args:
        cfg: The composed config, overrides with its own words included; left unchanged.
        notes: Get what became of each key. With ``refused`` entries the result is incomplete.
    """
    top = Part(cfg, '', notes)
    out = top.keep(*RUNTIME)
    out['custom_imports'] = imports_of(top)
    datasets: dict[str, Config] = {}
    for phase in ('train', 'val', 'test'):
        _phase(top, phase, out, datasets)
    first = next((one for one in datasets.values() if 'metainfo' in one), {})
    out['model'] = _model(top, first, notes)
    _targets(cfg, out['model'], notes)
    if 'optim_wrapper' in top.left:
        out['optim_wrapper'] = _optim_wrapper(top.part('optim_wrapper'), out['model'])
    hooks = top.part('default_hooks')
    names = [name for name, config in hooks.left.items() if config is not None]
    out['default_hooks'] = {name: hook for name in names if (hook := _hook(hooks.part(name)))}
    out['custom_hooks'] = [hook for part in top.parts('custom_hooks') if (hook := _hook(part))]
    top.drop('read by nothing in MMPose 1.x; --amp trains in mixed precision', 'fp16')
    top.drop(VARIABLE, *top.left)
    return out


def imports_of(top: Part) -> Config:
    """Returns the modules to import: those of MMPose are replaced by ours."""
    config = top.take('custom_imports', {})
    own = [name for name in modules_to_import(config) if not name.startswith(INNER_IMPORTS)]
    return {'allow_failed_imports': False, **config, 'imports': ['mmcv_custom', *own]}


def modules_to_import(config: Any) -> list[str]:
    """Returns the names in ``custom_imports``.

    Raises:
        ValueError: If it is no dict of them.
    """
    names = (config.get('imports') or []) if isinstance(config, Mapping) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'custom_imports is {config!r}, expected dict(imports=[module, ...])')
    return list(names)


def _phase(top: Part, phase: str, out: Config, datasets: dict[str, Config]) -> None:
    """Translates the loop, the loader and the evaluator of train, val or test."""
    cfg, loader, evaluator = f'{phase}_cfg', f'{phase}_dataloader', f'{phase}_evaluator'
    has_loop, part = top.left.get(cfg) is not None, top.part(cfg)
    if has_loop:
        part.expect('by_epoch', True, why='trainings count epochs')
        if part.kind not in ('', 'EpochBasedTrainLoop', 'ValLoop', 'TestLoop', 'PoseTrainLoop'):
            part.refuse('type', f'{part.kind} {NO_LOOP}')
        part.drop('see --amp', 'fp16')
        out[cfg] = part.keep('max_epochs', 'val_interval', 'val_begin', 'max_iters')
        part.finish()
    part = top.part(loader)
    theirs = part.left.get('dataset') or {}
    if part.left:
        out[loader] = _loader(part)
        datasets[phase] = out[loader]['dataset']
    is_one = isinstance(top.left.get(evaluator), Mapping)
    if found := [_metric(part, theirs) for part in top.parts(evaluator)]:
        out[evaluator] = found[0] if is_one else found


def _loader(part: Part) -> Config:
    out = part.keep(*LOADER)
    sampler = part.part('sampler')
    if sampler.kind not in ('', 'DefaultSampler', 'PoseSampler'):
        sampler.refuse('type', f'{sampler.kind} has no counterpart; shares of data sets are set '
                       'by CombinedDataset.ratios here')  # fmt: skip
        sampler.left.clear()
    sampler.note_kind('PoseSampler')
    out['sampler'] = {'type': 'PoseSampler', **sampler.keep('shuffle', 'round_up', 'seed')}
    sampler.finish()
    part.drop('batches are packed by collate_poses', 'collate_fn')
    out['dataset'] = _dataset(part.part('dataset'))
    part.finish()
    return out


def _dataset(part: Part) -> Config:
    row = _dataset_row(part)
    part.expect('data_mode', 'topdown', why='there are no bottom-up models')
    steps = part.parts('pipeline')
    if part.kind in DATASETS_1X or row['type'] != part.kind:
        out = _dataset_options(part, row)
    else:  # a class of its user takes its arguments as in MMPose, one of ours in our words
        out = {**row, **part.keep(*part.left)}
    out['pipeline'] = [found for step in steps if (found := _transform(step, out))]
    return out


def _dataset_options(part: Part, row: Row) -> Config:
    """Returns the arguments of a data set of MMPose, pipeline aside."""
    part.drop('samples are packed arrays here', 'serialize_data', 'lazy_init', 'max_refetch')
    part.expect('sample_interval', 1)
    out = {**row, **part.keep(*DATASET)}
    if part.left.get('metainfo'):
        out['metainfo'] = skeleton_of(part, 'metainfo', row.get('metainfo', 'coco'))
    part.drop('none', 'metainfo')
    rule = part.part('filter_cfg')
    out |= rule.keep('bbox_score_thr')
    rule.finish()
    boxes = part.take('bbox_file', '')
    if boxes:
        out['bbox_file'] = _below(boxes, str(out.get('data_root') or ''))
    part.drop('MpiiPCKAccuracy reads it', 'headbox_file')
    part.finish()
    return out


def _dataset_row(part: Part) -> Row:
    """Returns the arguments that stand for a class of data sets; refuses unknown ones."""
    kind = {'HumanArtVLDataset': 'HumanArtDataset'}.get(part.kind, part.kind)
    if kind in DATASETS_1X:
        row = dict(DATASETS_1X[kind])
        if kind == 'DeepFashionDataset':
            row['metainfo'] = DEEPFASHION_SUBSETS[part.take('subset', '', to='metainfo')]
        part.note_kind(f"{row['type']} with metainfo '{row['metainfo']}'")
        return row
    if part.is_in(DATASETS) and part.kind not in ('CombinedDataset', 'RepeatDataset'):
        part.note_kind(part.kind)
        return {'type': part.kind}
    reasons = {
        'CombinedDataset': 'mixes data sets in one skeleton, which is not translated',
        'RepeatDataset': 'repeats a data set; CombinedDataset.ratios gives shares here',
        **REFUSED,
    }
    part.refuse('type', f"'{part.kind}' {reasons.get(part.kind, 'has no counterpart here')}")
    part.left.clear()
    return {'type': part.kind}


def _below(path: str, data_root: str) -> str:
    """Returns a path from the working folder as one from ``data_root``."""
    if not data_root or os.path.isabs(path):
        return path
    if os.path.isabs(data_root):
        return os.path.abspath(path)
    return os.path.relpath(path, data_root)


def _transform(part: Part, dataset: Config) -> Config | None:
    kind = part.kind
    if kind in ('GenerateTarget', 'PackPoseInputs'):
        return _last_step(part)
    if kind not in TRANSFORM:
        import mmcv.transforms  # registers those of mmcv  # noqa: F401

        if part.is_in(TRANSFORMS):
            return part.keep_all()
        part.refuse('type', f"'{part.type}' has no counterpart here")
        return None
    part.note_kind(kind, ALBUMENTATIONS if kind == 'Albumentation' else '')
    if kind == 'LoadImage':
        part.expect('color_type', 'color')
        part.expect('imdecode_backend', None, 'cv2')
        part.expect('ignore_empty', False)
        part.drop('the network gets floats anyway', 'to_float32')
    if kind == 'Albumentation':
        part.expect('keymap', None)
    out = {'type': kind, **part.keep(*TRANSFORM[kind])}
    part.finish()
    if kind == 'RandomFlip' and out.get('direction', 'horizontal') != 'horizontal':
        part.refuse('direction', f'is {out["direction"]!r}; only horizontal flips are possible')
    if kind == 'RandomHalfBody':
        meta = load_metainfo(dataset.get('metainfo', 'coco'))
        if len(meta.upper_body_ids) + len(meta.lower_body_ids) < meta.num_keypoints:
            out['lower_is_rest'] = False  # some are in neither half of the body
    return out


def _last_step(part: Part) -> None:
    """Takes the steps that draw targets and pack, which the head and the loader do here."""
    part.note_kind('the head draws targets, the loader packs')
    part.drop('the decoder of the head draws the targets', 'encoder')
    part.expect('multilevel', False, why='a head has one codec')
    part.drop('read by nothing', 'target_type')
    part.drop('every key that a model reads is packed', 'meta_keys', 'pack_transformed')
    part.take('use_dataset_keypoint_weights', to='model.use_dataset_keypoint_weights')
    part.finish()


def _targets(cfg: Config, model: Config, notes: MigrationNotes) -> None:
    """Gives the head what ``GenerateTarget`` says; refuses another codec than the head's."""
    wanted = (model.get('head') or {}).get('decoder')
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    for i, step in enumerate(dataset.get('pipeline') or []):
        if not str(step.get('type', '')).endswith('GenerateTarget'):
            continue
        if step.get('use_dataset_keypoint_weights'):
            model['use_dataset_keypoint_weights'] = True
        codec, place = step.get('encoder'), f'train_dataloader.dataset.pipeline.{i}.encoder'
        if codec and wanted and as_codec(codec, place, MigrationNotes()) != wanted:
            notes.refused[place] = 'is not the decoder of the head, which draws the targets here'


def _model(top: Part, dataset: Config, notes: MigrationNotes) -> Config:
    config = top.left.pop('model', None)
    if config is None:
        notes.refused['model'] = 'is missing; this file is a base of others'
        return {}
    config = dict(config)
    preprocessor = top.left.pop('data_preprocessor', None)
    if preprocessor and 'data_preprocessor' not in config:
        config['data_preprocessor'] = preprocessor
    model = translate_model(config, notes)
    model.setdefault('metainfo', dataset.get('metainfo', 'coco'))
    return model


def _metric(part: Part, dataset: Config) -> Config:
    kind = part.kind
    if kind not in METRIC:
        if part.is_in(METRICS):
            return part.keep_all()
        part.refuse('type', f"'{kind}' has no counterpart here")
        return {'type': kind}
    part.drop('results are gathered over the processes anyway', 'collect_device')
    part.expect('pred_converter', None)
    part.expect('gt_converter', None)
    crowd = part.left.pop('iou_type', 'keypoints') == 'keypoints_crowd'
    out = {'type': kind, **part.keep(*METRIC[kind])}
    if crowd:
        out.pop('use_area', None)
        out['type'] = 'CrowdPoseMetric'
    if kind == 'JhmdbPCKAccuracy':
        out |= {'type': 'PCKAccuracy', 'torso_keypoints': JHMDB_TORSO}
        if 'torso' not in out.get('norm_item', 'bbox'):
            del out['torso_keypoints']
    if kind == 'NME' and dataset.get('type') == 'AFLWDataset' and 'norm_item' in out:
        out['norm_item'] = 'box_size'
    part.note_kind(
        out['type'],
        'the mean over keypoints, without one for each group' if kind[:5] == 'Jhmdb' else '',
    )
    _metric_files(part, out, dataset)
    part.finish()
    return out


def _metric_files(part: Part, out: Config, dataset: Config) -> None:
    """Takes the files of a metric, which are those of the dataset unless they differ."""
    root = str(dataset.get('data_root') or '')
    own = os.path.join(root, str(dataset.get('ann_file') or ''))
    ann_file = part.take('ann_file', '', to='that of the dataset')
    if ann_file and os.path.normpath(ann_file) != os.path.normpath(own):
        out['ann_file'] = ann_file
    headbox = dataset.get('headbox_file')
    if part.kind == 'MpiiPCKAccuracy' and headbox:
        beside = os.path.join(os.path.dirname(own), 'mpii_gt_val.mat')
        if os.path.normpath(headbox) != os.path.normpath(beside):
            out['gt_mat'] = headbox


def _optim_wrapper(part: Part, model: Config) -> Config:
    out = {**part.keep_all(), 'type': part.kind or 'OptimWrapper'}
    rules = Part(out.get('paramwise_cfg') or {}, part.place('paramwise_cfg'), part.notes)
    if str(out.get('constructor', '')).endswith('LayerDecayOptimWrapperConstructor'):
        out['paramwise_cfg'] = layer_decay(rules, model, 'MMPose 1.x')
    elif rules.left.get('custom_keys') and model.get('backbone', {}).get('type') != 'ViT':
        part.notes.inexact[rules.place('custom_keys')] = (
            'the same words, compared with the parameter names of timm'
        )
    return out


def layer_decay(rules: Part, model: Config, who: str) -> Config:
    """Returns ``paramwise_cfg`` of layer-wise learning rates.

    Args:
        rules: It, in the words of ``who``.
        model: In our words.
        who: MMPose 1.x or ViTPose.
    """
    rules.drop(f'not read by this constructor in {who} either', 'custom_keys')
    depth = model.get('backbone', {}).get('depth')
    layers = rules.take('num_layers', depth, to='the depth of the backbone')
    out = rules.keep('layer_decay_rate')
    rules.finish()
    return out if layers == depth else {**out, 'num_layers': layers}


def _hook(part: Part) -> Config | None:
    drawing = {
        'PoseVisualizationHook': '--show-dir draws predictions',
        'BadCaseAnalysisHook': '--badcase draws the worst ones',
    }
    if part.kind in drawing:
        if part.left.get('enable', False):
            part.refuse('enable', f'is True; set it to False: {drawing[part.kind]}')
        part.drop(f'switched off; {drawing[part.kind]}', *part.left)
        return None
    if part.kind == 'SyncBuffersHook':
        part.notes.dropped[part.where] = 'done here anyway'
        return None
    if part.kind == 'CheckpointHook':
        out = {'type': part.kind}
        out |= part.keep('interval', 'by_epoch', 'max_keep_ckpts', 'save_best', 'rule')
        out['save_best'] = SAVE_BEST.get(str(out.get('save_best')), out.get('save_best'))
        part.expect('save_last', True)
        part.expect('save_optimizer', True)
        part.expect('save_param_scheduler', True)
        part.finish()
        return out
    if not part.is_in(HOOKS):
        part.refuse('type', f"'{part.type}' has no counterpart here")
        return None
    if part.kind == 'EMAHook' and part.left.get('ema_type') == 'ExpMomentumEMA':
        part.refuse('ema_type', "'ExpMomentumEMA' has no counterpart here")
    return part.keep_all()
