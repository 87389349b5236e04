"""Config check: finds contradictions before anything is built or downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any, NamedTuple

from mmpose.config.kinds import find_wrong_kinds
from mmpose.config.merge import find
from mmpose.config.renamed_words import find_renamed
from mmpose.datasets.transforms.condition import CONDITION_CHANS
from mmpose.evaluation.metrics import PerDatasetMetric
from mmpose.evaluation.metrics.metric_info import metric_class, metric_classes, with_type
from mmpose.metainfo import load_metainfo
from mmpose.registry import CODECS, DATASETS, MODELS

Config = Mapping[str, Any]

# fmt: off
TOP_LEVEL_KEYS = {
    'auto_scale_lr', 'codec', 'codecs', 'compile', 'custom_hooks', 'custom_imports', 'data_root',
    'dataset_type', 'default_hooks', 'default_scope', 'env_cfg', 'experiment_name',
    'find_unused_parameters', 'head', 'launcher', 'load_from', 'log_level', 'log_processor',
    'metainfo', 'model', 'model_wrapper_cfg', 'names', 'optim_wrapper', 'param_scheduler',
    'prompts', 'randomness', 'resume', 'static_graph', 'strategy', 'sync_bn', 'test_cfg',
    'test_dataloader', 'test_evaluator', 'test_pipeline', 'train_cfg', 'train_dataloader',
    'train_pipeline', 'trust_checkpoint', 'val_cfg', 'val_dataloader', 'val_evaluator',
    'val_pipeline', 'vis_backends', 'visualizer', 'work_dir',
}
# fmt: on
TEACHER_OF_NETWORK = {'config', 'checkpoint', 'dataset', 'token_weight'}
TEACHER_KEYS = {*TEACHER_OF_NETWORK, 'loss_weight', 'metainfo', 'predictions'}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


class _Head(NamedTuple):
    """A head of the model and the skeleton that it is for."""

    where: str
    config: Config
    metainfo: Any


class _Part(NamedTuple):
    """A dataset of a loader: its only one, or one of a mixture."""

    loader: str
    where: str
    number: int
    config: Config

    def steps(self, kind: str) -> Iterator[Config]:
        """Yields the steps of the pipeline that are of a kind."""
        for step in self.config.get('pipeline', []):
            if step.get('type') == kind:
                yield step


def check_config(cfg: Config) -> list[str]:
    """Returns the problems of a config, each in a sentence that says where to fix it.

    Args:
        cfg: A whole config, composed and overridden.
    """
    for checks in _CHECKS:
        found = [problem for check in checks for problem in check(cfg)]
        if found:
            return found
    return []


def _check_keys(cfg: Config) -> Iterator[str]:
    for key in cfg:
        if key in TOP_LEVEL_KEYS or key.startswith('_'):
            continue
        near = get_close_matches(key, TOP_LEVEL_KEYS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else 'remove it, or start it with _'
        yield f"unknown top-level key '{key}'; {hint}"


def _check_types(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    built = [('model', model)]
    built += [(f'model.{name}', model[name]) for name in ('backbone', 'neck') if name in model]
    for head in _heads(cfg):
        built += [(head.where, head.config)]
        if 'decoder' in head.config:
            built += [(f'{head.where}.decoder', head.config['decoder'])]
    for part in _parts(cfg):
        steps = part.config.get('pipeline', [])
        built += [(part.where, part.config)]
        built += [(f'{part.where}.pipeline.{i}', step) for i, step in enumerate(steps)]
    for where, config in built:
        is_there = config or where.endswith('.decoder') or (where == 'model' and 'model' in cfg)
        kind = config.get('type') if is_there and isinstance(config, Mapping) else ''
        if not isinstance(kind, (str, type)):
            what = 'has no type' if kind is None else f'has the type {kind!r}'
            yield f'{where} {what}; set {where}.type to the name of a class that is registered'


def _heads(cfg: Config) -> list[_Head]:
    model = cfg.get('model') or {}
    if 'heads' not in model:
        return [_Head('model.head', model.get('head') or {}, model.get('metainfo', 'coco'))]
    metainfo = model.get('metainfo', ())
    pairs = zip(model['heads'], () if isinstance(metainfo, str) else metainfo, strict=False)
    return [
        _Head(f'model.heads.{i}', head, dataset_meta)
        for i, (head, dataset_meta) in enumerate(pairs)
    ]


def _parts(cfg: Config, *loaders: str) -> Iterator[_Part]:
    for loader in loaders or LOADERS:
        where = f'{loader}.dataset'
        dataset = find(cfg, where) or {}
        if 'datasets' not in dataset:
            yield _Part(loader, where, dataset.get('dataset_idx', 0), dataset)
            continue
        for i, part in enumerate(dataset['datasets']):
            yield _Part(loader, f'{where}.datasets.{i}', i, part)


def _pairs(cfg: Config) -> Iterator[tuple[_Part, _Head]]:
    """Yields each dataset with the head that learns from it."""
    heads = _heads(cfg)
    is_single = find(cfg, 'model.heads') is None
    for part in _parts(cfg):
        number = 0 if is_single else part.number
        if number < len(heads):
            yield part, heads[number]


def _check_counts(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    if 'heads' not in model:
        return
    num = len(model['heads'])
    for key in ('metainfo', 'names'):
        value = model.get(key, ())
        if isinstance(value, str) or len(value) != num:
            yield (
                f'the model has {num} heads but model.{key} is {value}; list one entry per head, '
                'in the order of the datasets'
            )
    for loader in LOADERS:
        parts = list(_parts(cfg, loader)) if cfg.get(loader) else []
        is_mixture = find(cfg, f'{loader}.dataset.datasets') is not None
        if is_mixture and len(parts) != num:
            yield (
                f'{loader}.dataset has {len(parts)} datasets but the model has {num} heads; give '
                'each dataset a head, and leave out those that shall not be read by '
                f'{loader}.dataset.only'
            )
        for part in () if is_mixture else parts:
            if part.number >= num:
                yield (
                    f'{part.where}.dataset_idx is {part.number} but the model has {num} heads; '
                    f'set a number from 0 to {num - 1}'
                )


def _check_experts(cfg: Config) -> Iterator[str]:
    experts = find(cfg, 'model.backbone.num_expert')
    parts = list(_parts(cfg))
    if experts is None or not parts:
        return
    needed = max(part.number for part in parts) + 1
    if experts < needed:
        yield (
            f'the backbone has {experts} experts for {needed} datasets; '
            f'set model.backbone.num_expert={needed}'
        )


def _check_head(cfg: Config) -> Iterator[str]:
    for where, head, metainfo in _heads(cfg):
        if 'out_channels' not in head or 'decoder' not in head:
            continue
        dataset_meta = load_metainfo(metainfo)
        expected = CODECS.build(dict(head['decoder'])).num_channels(dataset_meta.num_keypoints)
        if head['out_channels'] != expected:
            yield (
                f"head has {head['out_channels']} channels but '{dataset_meta.name}' has "
                f'{dataset_meta.num_keypoints} keypoints; set {where}.out_channels={expected}'
            )


def _check_widths(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    width = find(model, 'backbone.embed_dim')
    for where, head, _ in _heads(cfg):
        channels = head.get('in_channels')
        fits = width is None or channels is None or width == channels
        if not fits and not model.get('neck') and not model.get('parse_graph'):
            yield (
                f'the backbone gives {width} channels but the head takes {channels}; '
                f'set {where}.in_channels={width}'
            )


def _crop_of(head: Config) -> tuple[tuple[int, ...], bool, str] | None:
    """Returns size and alignment (UDP) of the crops that a head reads, and what says so."""
    codec = head.get('decoder')
    if codec:
        return tuple(codec['input_size']), CODECS.build(dict(codec)).use_udp, codec['type']
    if 'input_size' in head:  # a head without heatmaps
        return tuple(head['input_size']), bool(head.get('use_udp', False)), head['type']
    return None


def _check_visibility(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    if not model.get('visibility_head'):
        return
    if 'heads' in model:
        yield (
            'model.visibility_head is for models of one dataset, but the model has '
            f'{len(model["heads"])} heads; remove it'
        )
    if model.get('teacher'):
        yield (
            'model.visibility_head is all that is trained where it is, but model.teacher teaches '
            'heatmaps; remove one of them'
        )
    for part in _parts(cfg, 'train_dataloader') if cfg.get('train_dataloader') else ():
        if not part.config.get('with_visibility'):
            yield (
                'model.visibility_head learns from visibility flags, but the samples have none; '
                f'set {part.where}.with_visibility=True'
            )


def _check_sizes(cfg: Config) -> Iterator[str]:
    img_size = find(cfg, 'model.backbone.img_size')
    for where, head, _ in _heads(cfg):
        crop = _crop_of(head)
        if crop is None or img_size is None:
            continue
        input_size, _, name = crop
        if not isinstance(img_size, (list, tuple)):
            yield f'model.backbone.img_size is {img_size!r}, expected (height, width), px'
        elif tuple(img_size)[::-1] != input_size:
            yield (
                f'the {name} reads inputs of {input_size[0]}x{input_size[1]} px (w x h, {where}) '
                f'but model.backbone.img_size is {tuple(img_size)} (h, w); set it to '
                f'{input_size[::-1]}'
            )


def _check_crops(cfg: Config) -> Iterator[str]:
    for part, head in _pairs(cfg):
        crop_of_head = _crop_of(head.config)
        if crop_of_head is None:
            continue
        input_size, is_udp, name = crop_of_head
        where = f'{part.where}.pipeline'
        for crop in part.steps('TopdownAffine'):
            size = crop.get('input_size')
            if not isinstance(size, (tuple, list)) or tuple(size) != input_size:
                yield (
                    f'{where} crops to {size} but the {name} of {head.where} '
                    f'reads {input_size}; use the pipeline of the fragment that holds the codec'
                )
            if bool(crop.get('use_udp', False)) != is_udp:
                yield (
                    f'{where} crops with use_udp={crop.get("use_udp", False)} but {head.where} has '
                    f'{name}; set use_udp={is_udp} in TopdownAffine'
                )


def _check_conditions(cfg: Config) -> Iterator[str]:
    wanted = find(cfg, 'model.backbone.condition_chans', 0)
    if wanted not in (0, CONDITION_CHANS):
        yield (
            f'model.backbone.condition_chans is {wanted} but AddCondition makes {CONDITION_CHANS}; '
            'set it to that, or to 0 for none'
        )
    for part in _parts(cfg):
        if 'pipeline' in part.config and bool(wanted) != any(part.steps('AddCondition')):
            yield (
                f'model.backbone.condition_chans is {wanted} but {part.where}.pipeline has '
                f"{'no' if wanted else 'an'} AddCondition; end it with dict(type='AddCondition') "
                f'where condition_chans={CONDITION_CHANS}, and leave that out where it is 0'
            )


def _check_targets(cfg: Config) -> Iterator[str]:
    for part, head in _pairs(cfg):
        decoder = head.config.get('decoder')
        for step in part.steps('GenerateTarget') if decoder else ():
            encoder = step.get('encoder') or {}
            own, wanted = (_as_lists(codec) for codec in (encoder, decoder))
            keys = sorted(k for k in own | wanted if own.get(k) != wanted.get(k))
            if keys:
                yield (
                    f'{part.where}.pipeline has another {keys[0]} in GenerateTarget.encoder than '
                    f'{head.where}.decoder, which draws the targets; give them the same codec'
                )


def _as_lists(codec: Any) -> dict[str, Any]:
    return {k: list(x) if isinstance(x, tuple) else x for k, x in codec.items()}


def _check_windows(cfg: Config) -> Iterator[str]:
    for kind, key, default in (
        ('GetBBoxCenterScale', 'padding', 1.25),
        ('TopdownAffine', 'fix_aspect', True),
    ):
        first: dict[int, tuple[_Part, Any]] = {}
        for part in _parts(cfg):
            for step in part.steps(kind):
                value = step.get(key, default)
                known, expected = first.setdefault(part.number, (part, value))
                if value != expected:
                    yield (
                        f'{part.where}.pipeline has {key}={value} in {kind} but {known.loader} has '
                        f'{expected}; a model reads the windows that it was trained on, so give '
                        'them the same'
                    )


def _check_skeletons(cfg: Config) -> Iterator[str]:
    for part, head in _pairs(cfg):
        if 'metainfo' not in part.config:
            continue
        name, wanted = (load_metainfo(one).name for one in (part.config['metainfo'], head.metainfo))
        if name != wanted:
            place = 'model.metainfo' + head.where.removeprefix('model.head').removeprefix('s')
            yield (
                f"{part.where} has the skeleton '{name}' but the model has '{wanted}'; "
                f"set {place}='{name}'"
            )


def _check_categories(cfg: Config) -> Iterator[str]:
    categories = find(cfg, 'model.categories') or ()
    for part in _parts(cfg):
        if part.number < len(categories):
            own, given = categories[part.number], part.config.get('category')
            chosen = given if isinstance(given, list | tuple) else [given]
            if not {*chosen} <= {*own, *own.values()}:
                yield (
                    f'{part.where}.category is {given} but model.categories.{part.number} is '
                    f'{dict(own)}; a head learns the categories that inference gives it'
                )


def _check_evaluators(cfg: Config) -> Iterator[str]:
    for phase in ('val', 'test'):
        loader = f'{phase}_dataloader'
        parts = list(_parts(cfg, loader))
        is_mixture = find(cfg, f'{loader}.dataset.datasets') is not None
        for evaluator in _as_list(cfg.get(f'{phase}_evaluator') or []):
            if with_type([evaluator], PerDatasetMetric):
                yield from _check_mixture_metric(cfg, phase, evaluator, parts)
            elif is_mixture:
                yield (
                    f'{phase}_evaluator is {evaluator.get("type")} but the {phase} data are a '
                    f'mixture of {len(parts)} datasets; take PerDatasetMetric with a metric for '
                    'each'
                )
            else:
                yield from _check_evaluator(phase, evaluator, parts[0].config)


def _check_mixture_metric(
    cfg: Config, phase: str, evaluator: Config, parts: list[_Part]
) -> Iterator[str]:
    groups, names = evaluator.get('metrics', []), list(evaluator.get('names', []))
    if not len(groups) == len(names) == len(parts):
        yield (
            f'{phase}_evaluator has metrics for {len(groups)} datasets and {len(names)} names but '
            f'the {phase} data have {len(parts)} datasets; list one of each per dataset'
        )
    own = list(find(cfg, 'model.names', names))
    if names != own:
        yield (
            f'{phase}_evaluator.names is {names} but model.names is {own}; give a dataset one name'
        )
    for group, part in zip(groups, parts, strict=False):
        for child in _as_list(group):
            yield from _check_evaluator(phase, child, part.config)


def _check_teacher(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    teacher = model.get('teacher')
    if teacher is None:
        return
    if not isinstance(teacher, Mapping):
        yield f'model.teacher is {teacher!r}; expected a dict such as dict(config={teacher!r})'
        return
    kind = MODELS.get(str(model.get('type', '')))
    if not getattr(kind, 'takes_teacher', False):
        yield (
            f'model.teacher is set but {model.get("type")} learns from none; remove it, or take '
            "model.type='TopdownPoseEstimator'"
        )
    unknown = sorted(teacher.keys() - TEACHER_KEYS)
    if unknown:
        yield f'model.teacher has {", ".join(unknown)}, expected {", ".join(sorted(TEACHER_KEYS))}'
    is_file = bool(teacher.get('predictions'))
    if is_file == bool(teacher.get('config')):
        yield 'model.teacher needs one of config (a network) and predictions (a file of poses)'
        return
    others = TEACHER_OF_NETWORK if is_file else {'metainfo'}
    for key in sorted(key for key in others if teacher.get(key)):
        yield f'model.teacher.{key} has no meaning {"with" if is_file else "without"} predictions'
    for key in ('loss_weight', 'token_weight'):
        value = teacher.get(key, 0)
        if not isinstance(value, (int, float)) or not 0 <= value < float('inf'):
            yield f'model.teacher.{key} is {value!r}; expected a number that is not negative'


def _as_list(configs: Any) -> list[Config]:
    return [configs] if isinstance(configs, Mapping) else list(configs)


def _check_evaluator(phase: str, evaluator: Config, dataset: Config) -> Iterator[str]:
    ann_file = evaluator.get('ann_file')
    own = dataset.get('ann_file')
    if ann_file and own and not str(ann_file).endswith(str(own)):
        yield (
            f'{phase}_evaluator reads {ann_file} but {phase}_dataloader reads {own}; '
            'drop ann_file from the evaluator, it takes that of the dataset'
        )
    kind = metric_class(evaluator)
    if kind is None:
        return
    others = [one.__name__ for one in metric_classes() if one.needs_gt_boxes]
    dataset_class = DATASETS.get(str(dataset['type'])) if dataset.get('type') else None
    layout = getattr(dataset_class, 'layout', kind.annotation_layout)
    if kind.annotation_layout not in (None, layout) and not ann_file:
        yield (
            f'{phase}_evaluator is {kind.__name__}, which reads {kind.annotation_layout} '
            f'annotations, but the {phase} data are a {dataset["type"]}; take a metric that '
            f'compares keypoints ({", ".join(others)})'
        )
    if kind.needs_gt_boxes and dataset.get('bbox_file'):
        yield (
            f'{phase}_evaluator is {kind.__name__}, which compares each pose with the annotation '
            f'of its box, but {phase}_dataloader reads detected boxes; drop bbox_file from its '
            'dataset'
        )
    dataset_meta = load_metainfo(dataset.get('metainfo', 'coco'))
    if kind.needs_sigmas and dataset_meta.sigmas is None:
        yield (
            f'{phase}_evaluator is {kind.__name__}, which needs sigmas, but the skeleton '
            f"'{dataset_meta.name}' has none; take {', '.join(others)}"
        )


def _check_lora(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    lora = model.get('lora')
    if not lora:
        return
    from mmpose.models.lora import add_lora  # loads every network

    known = list(signature(add_lora).parameters)[1:]
    for key in sorted(set(lora) - set(known)):
        yield f"model.lora has no '{key}'; expected {', '.join(known)}"
    keys = ('model.pretrained', 'model.backbone.pretrained', 'load_from', 'resume')
    if not any(find(cfg, key) for key in keys):
        yield (
            'model.lora freezes the backbone, whose weights would stay random; set '
            'model.pretrained to those that the adapters are for'
        )


# Each group relies on what those before it have found to be right.
_CHECKS: tuple[tuple[Callable[[Config], Iterator[str]], ...], ...] = (
    (find_renamed,), (find_wrong_kinds,), (_check_keys, _check_types),
    (_check_counts, _check_experts, _check_head, _check_widths, _check_visibility, _check_sizes,
     _check_crops, _check_conditions, _check_targets, _check_windows, _check_skeletons,
     _check_categories, _check_evaluators, _check_teacher, _check_lora),
)  # fmt: skip
