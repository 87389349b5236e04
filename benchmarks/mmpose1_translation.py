"""Comparison of translated configs with what MMPose 1.x itself builds from the same files.

    python benchmarks/mmpose1_translation.py MMPOSE CONFIG [CONFIG ...] [--peer-python PYTHON]

``MMPOSE`` is a checkout of MMPose 1.3.2 and ``PYTHON`` an interpreter in which it can be imported
from there. Of each config are compared: the targets that the codec draws, the keypoints that it
reads off heatmaps, the crops of the validation pipeline, the distributions of the augmentation,
the rates and decays of the parameter groups, and the learning rate of each iteration; and once for
all, the metrics of random poses. Both packages have one name, so this file runs itself there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

NUM_POINTS, NUM_DRAWS, NUM_STEPS = 200, 4000, 1200
BOX = (40.0, 30.0, 120.0, 160.0)  # x, y, width, height of the crop that is compared
TOLERANCE = {
    'targets': 1e-5,
    'decoded, px': 2e-2,
    'crop, grey levels': 1,
    'points in the crop': 1e-2,
    'rates': 1e-9,
    'decays': 1e-9,
    'schedule': 1e-9,
    'metrics': 5e-5,  # those of CrowdPose are rounded there
}
NUM_IMAGES, PER_IMAGE = 40, 3
EYES = (60, 72)  # corners of the eyes in WFLW, whose distance is the norm
# data set: keypoints, metrics of MMPose with their arguments and the names of their values
METRICS: dict[str, tuple[int, dict[str, dict[str, Any]], tuple[str, ...]]] = {
    'coco': (17, {'CocoMetric': {}}, ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')),
    'crowdpose': (
        14,
        {'CocoMetric': {'iou_type': 'keypoints_crowd', 'use_area': False}},
        ('AP', 'AP(E)', 'AP(M)', 'AP(H)'),
    ),
    'onehand10k': (21, {'PCKAccuracy': {'thr': 0.2}, 'AUC': {}, 'EPE': {}}, ('PCK', 'AUC', 'EPE')),
    'wflw': (98, {'NME': {'norm_mode': 'keypoint_distance'}}, ('NME',)),
}


def sample_inputs(size: tuple[int, int], cells: tuple[int, int]) -> Arrays:
    """Points in a crop, heatmaps with a bump and noise, and an image, the same on both sides."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (NUM_POINTS, 2)) * size
    y, x = np.mgrid[: cells[1], : cells[0]]
    centers = rng.uniform(0, 1, (NUM_POINTS, 2, 1, 1)) * np.reshape(cells, (2, 1, 1))
    bumps = np.exp(-((x - centers[:, 0]) ** 2 + (y - centers[:, 1]) ** 2) / 8)
    noise = rng.uniform(0, 0.02, bumps.shape)
    image = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    return {'points': points, 'heatmaps': (bumps + noise).astype(np.float32), 'image': image}


def schedule_of(optimizer: Any, schedules: list[Any]) -> np.ndarray:
    """Learning rates of the first group, iteration by iteration, of schedules that count them."""
    rates = []
    for _ in range(NUM_STEPS):
        rates.append(optimizer.param_groups[0]['lr'])
        for schedule in schedules:
            schedule.step()
    return np.array(rates)


def build_schedule(configs: list[dict[str, Any]]) -> np.ndarray:
    """Learning rates of a ``param_scheduler``, by epochs of ten iterations."""
    import torch
    from mmengine.registry import PARAM_SCHEDULERS

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    built = []
    for config in configs:
        options = {k: v for k, v in config.items() if k not in ('type', 'convert_to_iter_based')}
        kind = PARAM_SCHEDULERS.get(config['type'])
        if options.get('by_epoch', True):
            options.pop('by_epoch', None)
            built.append(kind.build_iter_from_epoch(optimizer, epoch_length=10, **options))
        else:
            built.append(kind(optimizer, **options))
    return schedule_of(optimizer, built)


def write_poses(folder: Path, num_keypoints: int) -> None:
    """Writes annotations of random people and results near them, in COCO's formats."""
    rng, people = np.random.default_rng(num_keypoints), []
    for i in range(NUM_IMAGES * PER_IMAGE):
        start, size = rng.uniform(0, 200, 2), rng.uniform(60, 200, 2)
        points = np.round(start + rng.uniform(0, 1, (num_keypoints, 2)) * size, 2)
        visible = np.where(rng.random(num_keypoints) < 0.8, 2, 0)
        visible[[i for i in EYES if i < num_keypoints]] = 2  # an NME is left out without, there not
        found = points + rng.normal(0, rng.choice([1, 5, 25]), points.shape)
        people.append({
            'id': i + 1, 'image_id': i // PER_IMAGE + 1, 'category_id': 1, 'iscrowd': 0,
            'bbox': [*start.tolist(), *size.tolist()], 'area': float(size.prod() / 2),
            'keypoints': np.c_[points, visible].ravel().tolist(),
            'num_keypoints': int((visible > 0).sum()),
            'found': np.c_[found, np.ones(len(found))].ravel().tolist(),
            'score': float(rng.random()),
        })  # fmt: skip
    images = [
        {'id': i + 1, 'file_name': f'{i}.jpg', 'width': 400, 'height': 400,
         'crowdIndex': float(rng.random())}
        for i in range(NUM_IMAGES)
    ]  # fmt: skip
    results = [
        {'image_id': one['image_id'], 'category_id': 1, 'ann_id': one['id'],
         'keypoints': one.pop('found'), 'score': one.pop('score')}
        for one in people
    ]  # fmt: skip
    content = {
        'images': images,
        'annotations': people,
        'categories': [{'id': 1, 'name': 'x'}],
    }
    (folder / 'ann.json').write_text(json.dumps(content))
    (folder / 'results.json').write_text(json.dumps(results))


def their_metrics(name: str, folder: Path) -> Arrays:
    """Values of MMPose's metrics for the poses of a folder."""
    from mmengine.registry import init_default_scope

    import mmpose.datasets  # fills the registries
    import mmpose.evaluation  # noqa: F401
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmpose.registry import METRICS as REGISTRY

    init_default_scope('mmpose')
    num, metrics, keys = METRICS[name]
    people = json.loads((folder / 'ann.json').read_text())['annotations']
    samples = []
    for one, result in zip(people, json.loads((folder / 'results.json').read_text()), strict=True):
        points, found = (np.reshape(x['keypoints'], (1, num, 3)) for x in (one, result))
        x, y, w, h = one['bbox']
        gt = {
            'keypoints': points[..., :2], 'keypoints_visible': points[..., 2],
            'bboxes': np.array([[x, y, x + w, y + h]]), 'bbox_scales': np.array([[w, h]]),
            'bbox_scores': np.array([result['score']]),
        }  # fmt: skip
        scores = np.ones((1, num))
        samples.append({
            'id': one['id'], 'img_id': one['image_id'], 'category_id': 1, 'gt_instances': gt,
            'pred_instances': {'keypoints': found[..., :2], 'keypoint_scores': scores},
        })  # fmt: skip
    values: dict[str, float] = {}
    for kind, options in metrics.items():
        if kind == 'CocoMetric':  # the evaluation alone: no rescoring, nothing suppressed
            files = {'ann_file': str(folder / 'ann.json'), 'outfile_prefix': str(folder / 'out')}
            options = {**options, **files, 'score_mode': 'bbox', 'nms_mode': 'none'}
        metric = REGISTRY.build({'type': kind, **options})
        metric.dataset_meta = parse_pose_metainfo(
            {'from_file': f'configs/_base_/datasets/{name}.py'}
        )
        metric.process([{}] * len(samples), samples)
        values |= {key.split('/')[-1]: x for key, x in metric.evaluate(len(samples)).items()}
    return {'metrics': np.array([values[key] for key in keys])}


def our_metrics(name: str, folder: Path) -> Arrays:
    """Values of our metrics for the same poses, with boxes as translated configs read them."""
    from mmpose.datasets import CocoDataset
    from mmpose.evaluation.functional import (
        evaluate_keypoints,
        evaluate_results,
        find_eval_config,
    )

    ann_file, results = folder / 'ann.json', folder / 'results.json'
    config = find_eval_config(name)
    if config.kind == 'keypoints':
        gt = CocoDataset(str(ann_file), metainfo=name, bbox_clip='1.x').ground_truth()
        values = evaluate_keypoints(config, gt, results)
    else:
        values = evaluate_results(name, results, ann_file)
    return {'metrics': np.array([values[key] for key in METRICS[name][2]])}


def theirs_of(path: str) -> Arrays:
    """What MMPose 1.x makes of a config."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    import mmpose.codecs
    import mmpose.datasets  # both fill the registries
    import mmpose.engine.optim_wrappers.layer_decay_optim_wrapper  # noqa: F401
    from mmpose.registry import KEYPOINT_CODECS, TRANSFORMS

    init_default_scope('mmpose')
    cfg = Config.fromfile(path, import_custom_modules=False)
    codec = KEYPOINT_CODECS.build(dict(cfg.codec))
    given = sample_inputs(codec.input_size, codec.heatmap_size)
    seen = np.ones((1, NUM_POINTS), np.float32)
    targets = codec.encode(given['points'][None].astype(np.float32), seen)
    maps = np.repeat(given['heatmaps'], targets['heatmaps'].shape[0] // NUM_POINTS, 0)
    if len(targets['heatmaps']) > NUM_POINTS:  # offsets count in the disc only
        groups = targets['heatmaps'].reshape(NUM_POINTS, 3, *targets['heatmaps'].shape[1:])
        groups[:, 1:] *= groups[:, :1]
    found = codec.decode(maps.copy())[0][0]
    # MMPose's aligned codecs divide by the input size in the estimator, ours by one px less
    if getattr(codec, 'heatmap_type', None):
        found = found / codec.input_size * (np.array(codec.input_size) - 1)
    x, y, w, h = BOX
    sample: dict[str, Any] = {
        'img': given['image'], 'bbox': np.array([[x, y, x + w, y + h]], np.float32),
        'keypoints': (given['points'] / codec.input_size * (w, h) + (x, y))[None],
        'keypoints_visible': np.ones((1, NUM_POINTS)),
    }  # fmt: skip
    for step in cfg.val_dataloader.dataset.pipeline:
        if step.type in ('GetBBoxCenterScale', 'TopdownAffine'):
            sample = TRANSFORMS.build(dict(step)).transform(sample)
    moved = sample['transformed_keypoints'][0]
    (jitter,) = [
        s for s in cfg.train_dataloader.dataset.pipeline if s.type == 'RandomBBoxTransform'
    ]
    np.random.seed(0)  # noqa: NPY002  what MMPose draws from
    many = np.ones((NUM_DRAWS, 2), np.float32)
    drawn = TRANSFORMS.build(dict(jitter)).transform(
        {'bbox_center': np.zeros((NUM_DRAWS, 2)), 'bbox_scale': many}
    )
    draws = [drawn['bbox_center'].T, drawn['bbox_scale'][:, :1].T, drawn['bbox_rotation'][None]]
    return {
        'targets': targets['heatmaps'],
        'decoded, px': found,
        'crop, grey levels': sample['img'].astype(np.float32),
        'points in the crop': moved,
        'draws': np.concatenate(draws),
        **_their_groups(cfg),
        'schedule': build_schedule([dict(one) for one in cfg.param_scheduler]),
    }


def _their_groups(cfg: Any) -> Arrays:
    """Rates and decays of the groups of a stand-in with the names of mmpretrain's parameters."""
    import torch
    from mmengine.optim import build_optim_wrapper
    from torch import nn

    rule = cfg.optim_wrapper.get('paramwise_cfg') or {}
    arch = cfg.model.get('backbone', cfg.model.get('image_encoder')).get('arch')
    if 'num_layers' not in rule:
        return {}
    sizes = {'base': 12, 'large': 24, 'huge': 32}
    depth = sizes[arch] if isinstance(arch, str) else arch['num_layers']
    model = nn.Module()
    backbone = model.backbone = nn.Module()
    backbone.pos_embed = nn.Parameter(torch.zeros(1, 4, 2))
    backbone.patch_embed = nn.Conv2d(3, 2, 2)
    backbone.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(depth))
    model.head = nn.Conv2d(2, 2, 1)
    options = {**cfg.optim_wrapper.to_dict(), 'type': 'OptimWrapper'}
    sys.stdout, kept = sys.stderr, sys.stdout
    groups = build_optim_wrapper(model, options).optimizer.param_groups
    sys.stdout = kept
    return _table(groups)


def _table(groups: list[dict[str, Any]]) -> Arrays:
    pairs = sorted({(round(g['lr'], 12), g['weight_decay']) for g in groups})
    rates, decays = zip(*pairs, strict=True)
    return {'rates': np.array(rates), 'decays': np.array(decays)}


def ours_of(path: str) -> Arrays:
    """What this project makes of the same config."""
    import torch

    from mmcv_custom import LayerDecayOptimWrapperConstructor
    from mmpose.config.load import load_config
    from mmpose.registry import CODECS, MODELS, TRANSFORMS

    cfg = load_config(path)
    codec = CODECS.build(cfg.model.head.decoder.to_dict())
    given = sample_inputs(codec.input_size, codec.heatmap_size)
    points = torch.tensor(given['points'], dtype=torch.float32)[None]
    targets, _ = codec.encode(points, torch.ones(1, NUM_POINTS))
    maps = torch.from_numpy(np.repeat(given['heatmaps'], codec.num_channels(1), 0))[None]
    x, y, w, h = BOX
    sample: dict[str, Any] = {
        'image': given['image'], 'bbox_xywh': np.array(BOX), 'image_wh': (320, 240),
        'keypoints': given['points'] / codec.input_size * (w, h) + (x, y),
    }  # fmt: skip
    for step in cfg.val_dataloader.dataset.pipeline:
        if step.type != 'LoadImage':
            sample = TRANSFORMS.build(dict(step))(sample)
    (jitter,) = [
        s for s in cfg.train_dataloader.dataset.pipeline if s.type == 'RandomBBoxTransform'
    ]
    transform, rng = TRANSFORMS.build(dict(jitter)), np.random.default_rng(1)
    drawn = [
        transform({'center': np.zeros(2), 'scale': np.ones(2), 'rng': rng})
        for _ in range(NUM_DRAWS)
    ]
    draws = [[*one['center'], one['scale'][0], one['rotation']] for one in drawn]
    groups: Arrays = {}
    rule = cfg.optim_wrapper.get('paramwise_cfg') or {}
    if 'layer_decay_rate' in rule:
        with torch.device('meta'):
            model = MODELS.build({**cfg.model.to_dict(), 'pretrained': None})
        options = {k: v for k, v in cfg.optim_wrapper.items() if k in ('type', 'optimizer')}
        groups = _table(LayerDecayOptimWrapperConstructor(options, dict(rule)).param_groups(model))
    return {
        'targets': targets[0].numpy(),
        'decoded, px': codec.decode(maps)[0][0].numpy(),
        'crop, grey levels': sample['image'].astype(np.float32),
        'points in the crop': sample['keypoints'],
        'draws': np.array(draws).T,
        **groups,
        'schedule': build_schedule([dict(one) for one in cfg.param_scheduler]),
    }


def compare(ours: Arrays, theirs: Arrays) -> list[str]:
    """A line for each thing that is compared."""
    lines = []
    for name in theirs:
        a, b = ours.get(name), theirs[name]
        if a is None or a.shape != b.shape:
            lines.append(f'{name}: shape {None if a is None else a.shape}, there {b.shape}')
            continue
        if name == 'draws':
            gaps = [_largest_gap(*pair) for pair in zip(a, b, strict=True)]
            limit = 1.95 * (2 / NUM_DRAWS) ** 0.5  # exceeded by equal distributions once in 1000
            verdict = 'equal' if max(gaps) < limit else 'DIFFERENT'
            lines.append(f'draws of shift, scale, rotation: {verdict} (KS {max(gaps):.4f})')
            continue
        gap = np.abs(a.astype(float) - b).max()
        verdict = 'equal' if gap <= TOLERANCE[name] else 'DIFFERENT'
        lines.append(f'{name}: {verdict} (largest difference {gap:.3g})')
    return lines


def _largest_gap(first: np.ndarray, second: np.ndarray) -> float:
    """Statistic of Kolmogorov and Smirnov for two samples of equal size."""
    both = np.concatenate([first, second])
    ranks = [np.searchsorted(np.sort(x), both, side='right') for x in (first, second)]
    return float(np.abs(ranks[0] - ranks[1]).max() / len(first))


def main() -> None:
    """Prints the comparison of each config."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkout', type=Path)
    parser.add_argument('configs', nargs='+')
    parser.add_argument('--peer-python', default=sys.executable)
    parser.add_argument('--worker', help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    configs = [os.path.abspath(config) for config in args.configs]
    checkout = args.checkout.resolve()
    if args.worker:
        os.chdir(checkout)
        sys.path.insert(0, str(checkout))
        for i, config in enumerate(configs):
            np.savez(Path(args.worker, f'{i}.npz'), **theirs_of(config))
        for name in METRICS:
            found = their_metrics(name, Path(args.worker, name))
            np.savez(Path(args.worker, f'{name}.npz'), **found)
        return
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    with tempfile.TemporaryDirectory() as folder:
        for name, (num, *_) in METRICS.items():
            Path(folder, name).mkdir()
            write_poses(Path(folder, name), num)
        command = [args.peer_python, '-I', __file__, str(checkout), *configs, '--worker', folder]
        subprocess.run(command, check=True)
        for i, config in enumerate(configs):
            print(Path(config).name)
            for line in compare(ours_of(config), dict(np.load(Path(folder, f'{i}.npz')))):
                print(f'    {line}')
        for name, (_, _, keys) in METRICS.items():
            theirs = dict(np.load(Path(folder, f'{name}.npz')))
            (line,) = compare(our_metrics(name, Path(folder, name)), theirs)
            print(f'{name}: {", ".join(keys)}\n    {line}')


if __name__ == '__main__':
    main()
