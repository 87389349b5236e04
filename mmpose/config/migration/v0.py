"""Translation of composed configs of MMPose 0.x (0.24), and of its forks ViTPose, HAP and PGVL.

Words and defaults are those of the source of ViTPose (0.24.0). Where a key is absent, what the code
there takes without it is written out, unless it is what this project takes too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmpose.config.migration.notes import NO_COUNTERPART, MigrationNotes, Part
from mmpose.config.migration.v0_data import Source, translate_dataset
from mmpose.config.migration.v0_model import MODEL_TYPES, translate_model
from mmpose.config.migration.v1 import JHMDB_TORSO, SAVE_BEST, VARIABLE, imports_of, layer_decay
from mmpose.evaluation.metrics.metric_info import metric_class

Config = dict[str, Any]

PHASES = ('train', 'val', 'test')
LOADER_WORDS = {
    'samples_per_gpu': 'batch_size', 'workers_per_gpu': 'num_workers', 'shuffle': 'sampler.shuffle',
    'drop_last': 'drop_last', 'pin_memory': 'done anyway', 'persistent_workers': 'done anyway',
    'prefetch_num': 'done anyway', 'seed': 'randomness.seed',
}  # fmt: skip
# words of data that count for a phase there
SHARED_WORDS: dict[str, Iterable[str]] = {
    'train': LOADER_WORDS,
    'val': ('workers_per_gpu',),
    'test': ('samples_per_gpu', 'workers_per_gpu'),
}
AREA_OF_BOX = ('TopDownAicDataset', 'TopDownMhpDataset')  # no usable area in the annotations
OKS_METRICS = {
    'TopDownCocoWholeBodyDataset': 'CocoWholeBodyMetric',
    'TopDownCrowdPoseDataset': 'CrowdPoseMetric',
    'TopDownPoseTrack18Dataset': 'PoseTrack18Metric',
}
HEAD_THRESHOLDS = {'PanopticDataset': 0.7, 'TopDownMpiiTrbDataset': 0.3}
DISTANCE_METRICS: dict[str, Config] = {
    'PCK': {'type': 'PCKAccuracy', 'thr': 0.2, 'norm_item': 'bbox'},
    'tPCK': {'type': 'PCKAccuracy', 'thr': 0.2, 'norm_item': 'torso',
             'torso_keypoints': JHMDB_TORSO},
    'AUC': {'type': 'AUC', 'norm_factor': 30},
    'EPE': {'type': 'EPE'},
}  # fmt: skip
LOGGERS = {
    'TensorboardLoggerHook': 'TensorboardVisBackend',
    'WandbLoggerHook': 'WandbVisBackend',
    'MlflowLoggerHook': 'MLflowVisBackend',
}


def translate_v0(cfg: Config, notes: MigrationNotes) -> Config:
    """Returns a config of MMPose 0.x in our words.

    Args:
        cfg: The composed config, overrides in its own words included; left unchanged.
        notes: Get what became of each key. With ``refused`` entries the result is incomplete.
    """
    top = Part(cfg, '', notes)
    model = top.left.pop('model', None) or {}
    kind = str(model.get('type'))
    if kind not in MODEL_TYPES:
        notes.refused['model.type'] = (
            f"is '{kind}', but models are top-down with heatmaps here: {', '.join(MODEL_TYPES)}"
        )
        return {}
    data = top.part('data')
    sources = {phase: _sources(data, phase) for phase in PHASES}
    out: Config = {'default_scope': 'mmpose', 'custom_imports': imports_of(top)}
    first = sources['train'] or sources['val'] or sources['test']
    if not first:
        notes.refused['data'] = 'names no dataset'
    if notes.refused:
        return out
    out['model'] = translate_model(model, first, notes)
    is_multi = 'heads' in out['model']
    for phase in PHASES:
        if sources[phase]:
            out[f'{phase}_dataloader'] = _loader(data, phase, sources[phase], is_multi)
    for key in LOADER_WORDS:
        data.left.pop(key, None)
    data.finish()
    evaluation = top.part('evaluation')
    _evaluators(evaluation, sources, out)
    _training(top, evaluation, out)
    out['default_hooks'] = {
        'logger': _logger(top, out),
        'checkpoint': _checkpoint(top, evaluation, out),
    }
    _start(top, out)
    evaluation.drop('read from the metric', 'rule')
    evaluation.finish()
    for key in ('custom_hooks', 'momentum_config'):
        top.expect(key, None, [], why='see docs/extending.md for hooks')
    top.expect('workflow', None, [('train', 1)], [['train', 1]], why='val_interval evaluates')
    top.drop(VARIABLE, *top.left)
    return out


def _sources(data: Part, phase: str) -> list[Source]:
    """Returns the datasets of a phase in the order of their heads."""
    found = [translate_dataset(part, phase == 'train') for part in data.parts(phase)]
    numbers = [source.number for source in found]
    if len(found) > 1 and sorted(numbers) != list(range(len(found))):
        data.notes.refused[data.place(phase)] = (
            f'has the dataset_idx {numbers}; expected each of 0 to {len(found) - 1} once, in '
            'data_cfg of the datasets, one for each head'
        )
    return sorted(found, key=lambda source: source.number)


def _loader(data: Part, phase: str, sources: list[Source], is_multi: bool) -> Config:
    is_train, own = phase == 'train', data.part(f'{phase}_dataloader').left
    common = {key: data.left[key] for key in SHARED_WORDS[phase] if key in data.left}
    words = Part({**common, **own}, f'data ({phase})', MigrationNotes())
    for key in own:
        table = data.notes.exact if key in LOADER_WORDS else data.notes.refused
        table[data.place(f'{phase}_dataloader.{key}')] = LOADER_WORDS.get(key, NO_COUNTERPART)
    data.notes.exact |= {data.place(key): LOADER_WORDS[key] for key in common}
    out = {
        'batch_size': words.take('samples_per_gpu', 1),
        'num_workers': words.take('workers_per_gpu', 1),
        'persistent_workers': True,
        'sampler': {'type': 'PoseSampler', 'shuffle': bool(words.take('shuffle', is_train))},
    }
    if not is_train:
        out['sampler']['round_up'] = False
    if words.take('drop_last', False):
        out['drop_last'] = True
    data.notes.refused |= words.notes.refused
    datasets = [source.dataset for source in sources]
    out['dataset'] = datasets[0]
    if len(datasets) > 1:
        out['dataset'] = {'type': 'CombinedDataset', 'datasets': datasets}
    elif is_multi:
        out['dataset'] = {**datasets[0], 'dataset_idx': sources[0].number}
    return out


def _evaluators(evaluation: Part, sources: dict[str, list[Source]], out: Config) -> None:
    names = evaluation.left.get('metric')
    if isinstance(names, (list, tuple)):
        names = evaluation.take('metric', [''], to='val_evaluator')
    else:
        names = [evaluation.take('metric', 'mAP', to='val_evaluator')]
    for phase in ('val', 'test'):
        if not sources[phase]:
            continue
        if len(sources[phase]) > 1:
            evaluation.notes.refused[f'data.{phase}'] = 'is a list, but one dataset is evaluated'
            continue
        found = [_metric(name, sources[phase][0], evaluation) for name in names]
        out[f'{phase}_evaluator'] = found[0] if len(found) == 1 else found
        out[f'{phase}_cfg'] = {}


def _metric(name: str, source: Source, evaluation: Part) -> Config:
    kind = source.kind
    if name == 'mAP':
        out = {'type': OKS_METRICS.get(kind, 'CocoMetric'), **source.metric}
        return {**out, 'use_area': False} if kind in AREA_OF_BOX else out
    if name == 'PCKh' and kind == 'TopDownMpiiDataset':
        return {'type': 'MpiiPCKAccuracy'}
    if name == 'PCKh' and kind in HEAD_THRESHOLDS:
        return {'type': 'PCKAccuracy', 'thr': HEAD_THRESHOLDS[kind], 'norm_item': 'head'}
    if name == 'NME':
        is_box = kind == 'FaceAFLWDataset'
        rule = {'norm_mode': 'use_norm_item', 'norm_item': 'box_size'}
        return {'type': 'NME', **(rule if is_box else {'norm_mode': 'keypoint_distance'})}
    if name not in DISTANCE_METRICS:
        evaluation.refuse('metric', f"has '{name}', which has no counterpart for a {kind}")
    return dict(DISTANCE_METRICS.get(name, {}))


def _training(top: Part, evaluation: Part, out: Config) -> None:
    """Adds epochs, optimizer and schedule."""
    runner = top.part('runner')
    epochs = runner.take('max_epochs', like=210)
    epochs = top.take('total_epochs', epochs, to='train_cfg.max_epochs', like=210)
    if epochs is None or runner.kind not in ('', 'EpochBasedRunner'):
        top.notes.refused['total_epochs'] = 'is missing; trainings count epochs here'
        return
    out['train_cfg'] = {
        'max_epochs': epochs,
        'val_interval': evaluation.take('interval', 1, to='train_cfg.val_interval'),
    }
    start = evaluation.take('start', None, to='train_cfg.val_begin', like=1)
    if start is not None:
        out['train_cfg']['val_begin'] = start
    evaluation.expect('by_epoch', True)
    out['optim_wrapper'] = _optim_wrapper(top, out['model'])
    out['param_scheduler'] = _schedule(top.part('lr_config'), epochs)


def _optim_wrapper(top: Part, model: Config) -> Config:
    part = top.part('optimizer')
    out: Config = {'type': 'OptimWrapper', 'optimizer': {'type': part.kind}}
    if not part.kind:
        part.refuse('type', 'is missing; there is one optimizer here')
    constructor = part.take('constructor', '', to='optim_wrapper.constructor')
    rules = part.part('paramwise_cfg')
    out['optimizer'] |= part.keep(*part.left)
    if constructor.startswith('LayerDecay'):
        out['constructor'] = 'LayerDecayOptimWrapperConstructor'
        out['paramwise_cfg'] = layer_decay(rules, model, 'ViTPose')
    elif set(rules.left) == {'custom_keys'}:
        theirs = rules.take('custom_keys', {})
        keys = {k: v for k, v in theirs.items() if k != 'text_encoder'}
        out['constructor'] = 'KeywordOptimWrapperConstructor'
        out['paramwise_cfg'] = {'custom_keys': keys}
        top.notes.exact['optimizer.paramwise_cfg'] = 'optim_wrapper.paramwise_cfg'
        if len(keys) < len(theirs):
            place = 'optimizer.paramwise_cfg.custom_keys.text_encoder'
            top.notes.dropped[place] = 'the text encoder is frozen, which a rate of 0 amounts to'
    elif rules.left:
        out['paramwise_cfg'] = rules.left
    step = top.part('optimizer_config')
    clip = step.take('grad_clip', {}, to='optim_wrapper.clip_grad')
    if clip:
        out['clip_grad'] = clip
    if step.kind == 'GradientCumulativeOptimizerHook':
        out['accumulative_counts'] = step.take('cumulative_iters', 1, to='accumulative_counts')
    half = step.left if step.kind == 'Fp16OptimizerHook' else top.take('fp16', None, like={})
    if half is not None:
        out |= {'type': 'AmpOptimWrapper', 'loss_scale': dict(half).pop('loss_scale', 512.0)}
        step.left.clear()
    step.finish()
    return out


def _schedule(part: Part, epochs: int) -> list[Config]:
    policy = str(part.take('policy', 'fixed', to='param_scheduler')).lower()
    span: Config = {'begin': 0, 'end': epochs, 'by_epoch': True}
    out: list[Config] = []
    warmup = part.take('warmup', None, to='param_scheduler')
    if warmup in ('linear', 'constant'):
        num = part.take('warmup_iters', 0, to='param_scheduler')
        ratio = part.take('warmup_ratio', 0.1, to='param_scheduler')
        # a scheduler from 0 to n + 1 has n steps; mmcv's warm-up has n of n iterations
        rule = {'begin': 0, 'end': num + 1, 'by_epoch': False}
        name = 'start_factor' if warmup == 'linear' else 'factor'
        out.append({'type': f'{warmup.title()}LR', **rule, name: ratio})
    elif warmup is not None:
        part.refuse('warmup', f"is '{warmup}', expected linear, constant or None")
    part.expect('warmup_by_epoch', False)
    part.expect('by_epoch', True)
    part.drop('there is no warm-up', 'warmup_iters', 'warmup_ratio')
    if policy == 'step':
        steps = part.left.get('step')
        if isinstance(steps, int) and steps > 0:
            part.left['step'] = list(range(steps, epochs, steps))
        steps = list(part.take('step', (), to='milestones', like=(0,)))
        gamma = part.take('gamma', 0.1)
        out.append({'type': 'MultiStepLR', **span, 'milestones': steps, 'gamma': gamma})
    elif policy == 'cosineannealing':
        low = part.keep('min_lr', 'min_lr_ratio')
        names = {'min_lr': 'eta_min', 'min_lr_ratio': 'eta_min_ratio'}
        renamed = {names[key]: value for key, value in low.items() if value is not None}
        out.append({'type': 'CosineAnnealingLR', **span, **renamed})
    elif policy != 'fixed':
        part.refuse('policy', f"is '{policy}', expected step, CosineAnnealing or fixed")
    part.finish()
    return out


def _logger(top: Part, out: Config) -> Config:
    part = top.part('log_config')
    hooks = part.take('hooks', (), to='vis_backends', like=({},))
    hooks = [str(one.get('type')) for one in hooks]
    unknown = [one for one in hooks if one not in LOGGERS and one != 'TextLoggerHook']
    if unknown:
        part.refuse('hooks', f'has {", ".join(unknown)}; there are {", ".join(LOGGERS)}')
    backends = ['LocalVisBackend', *(LOGGERS[one] for one in hooks if one in LOGGERS)]
    out['vis_backends'] = [{'type': one} for one in backends]
    out['visualizer'] = {'type': 'PoseLocalVisualizer', 'vis_backends': out['vis_backends']}
    logger = {'type': 'LoggerHook', 'interval': part.take('interval', 10)}
    part.finish()
    return logger


def _checkpoint(top: Part, evaluation: Part, out: Config) -> Config:
    part = top.part('checkpoint_config')
    hook: Config = {'type': 'CheckpointHook', 'interval': part.take('interval', 1)}
    hook |= part.keep('max_keep_ckpts', 'by_epoch')
    part.drop('last_checkpoint names the newest one', 'create_symlink', 'save_optimizer')
    part.finish()
    older = evaluation.take('key_indicator', '', to='save_best')
    best = evaluation.take('save_best', older, to='default_hooks.checkpoint.save_best')
    evaluators = out.get('val_evaluator')
    if best and evaluators:
        first = evaluators[0] if isinstance(evaluators, list) else evaluators
        best = 'PCK' if first['type'] == 'MpiiPCKAccuracy' else best
        prefix = getattr(metric_class(first), 'default_prefix', None)
        best = f'{prefix}/{best}' if prefix else best
        hook['save_best'] = SAVE_BEST.get(best, best)
    return hook


def _start(top: Part, out: Config) -> None:
    """Adds what a run starts from and how its processes start."""
    cluster = top.part('dist_params')
    out['env_cfg'] = {
        'cudnn_benchmark': top.take('cudnn_benchmark', False, to='env_cfg.cudnn_benchmark'),
        'mp_cfg': {
            'mp_start_method': top.take('mp_start_method', 'fork', to='env_cfg.mp_cfg'),
            'opencv_num_threads': top.take('opencv_num_threads', 0, to='env_cfg.mp_cfg'),
        },
        'dist_cfg': {'backend': cluster.take('backend', 'nccl', to='env_cfg.dist_cfg')},
    }
    cluster.finish()
    out |= top.keep('log_level', 'work_dir', 'find_unused_parameters')
    resumed = top.take('resume_from', like='', to='load_from and resume=True')
    out['load_from'] = resumed or top.take('load_from', like='')
    out['resume'] = resumed is not None
    seed = top.take('seed', to='randomness.seed', like=0)
    if seed is not None:
        out['randomness'] = {'seed': seed}
    top.drop('use --gpus or CUDA_VISIBLE_DEVICES', 'gpu_ids')
