"""Evaluation of a checkpoint from a config."""

from __future__ import annotations

import json
import shutil
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmpose.engine.distributed import init_distributed, leave_distributed
from mmpose.engine.runner import PoseRunner
from mmpose.evaluation.functional import format_scores
from mmpose.registry import METRICS

RESULTS_FILE = 'result_keypoints.json'
METRICS_FILE = 'metrics.json'
# names of the 0.x command line: the first metric that the config has, or else the first
EVAL_NAMES = {
    'mAP': ('CocoMetric', 'CrowdPoseMetric', 'CocoWholeBodyMetric', 'HumanArtMetric'),
    'PCK': ('PCKAccuracy',),
    'PCKh': ('MpiiPCKh',),
}


def prepare_test(
    cfg: Config,
    checkpoint: str,
    *,
    work_dir: str | None = None,
    metrics: list[str] | None = None,
    dump: str | None = None,
    show_dir: str | None = None,
    trust_checkpoint: bool = False,
) -> Config:
    """Writes the choices of an evaluation into its config.

    Args:
        cfg: The config; changed in place.
        checkpoint: Weights to evaluate.
        work_dir: Folder for logs and results; ``work_dirs/<config name>`` by default.
        metrics: Metrics instead of those of the config: class names, or mAP, PCK and PCKh.
        dump: ``.npz`` file that gets every prediction, before any suppression.
        show_dir: Folder that gets drawn predictions.
        trust_checkpoint: Whether the checkpoint may run code.

    Returns:
        The same config.
    """
    default = Path('work_dirs', Path(cfg.filename or 'run').stem)
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or default)
    cfg.load_from, cfg.resume = checkpoint, False
    cfg.trust_checkpoint = trust_checkpoint
    cfg.model.pretrained = None
    evaluators = cfg.test_evaluator
    evaluators = [evaluators] if isinstance(evaluators, dict) else list(evaluators)
    if metrics:
        evaluators = [_choose(name, evaluators) for name in metrics]
    for evaluator in evaluators:
        if 'out_dir' in signature(METRICS.get(evaluator['type'])).parameters:
            evaluator.setdefault('out_dir', cfg.work_dir)
    if dump:
        evaluators.append(dict(type='PredictionDump', out_file=dump))
    cfg.test_evaluator = evaluators
    cfg.default_hooks = {
        key: hook
        for key, hook in cfg.default_hooks.items()
        if key in ('runtime_info', 'timer', 'logger')
    }
    if show_dir:
        cfg.default_hooks.drawing = dict(type='ResultDrawingHook', out_dir=show_dir)
    # what only training needs is not built
    for key in ('train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler'):
        cfg[key] = None
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator', 'auto_scale_lr'):
        cfg[key] = None
    return cfg


def _choose(name: str, evaluators: list[dict[str, Any]]) -> dict[str, Any]:
    types = EVAL_NAMES.get(name, (name,))
    own = [evaluator for evaluator in evaluators if evaluator['type'] in types]
    return own[0] if own else dict(type=types[0])


def run_test(
    cfg: Config, launcher: str = 'none', out: str | None = None, fuse_conv_bn: bool = False
) -> dict[str, float]:
    """Evaluates a prepared config.

    Args:
        cfg: The config.
        launcher: How the ranks are started.
        out: JSON file that gets the predictions in the layout of the COCO server.
        fuse_conv_bn: Whether to fold BatchNorm into the convolutions before it.

    Returns:
        Every metric by its name, on all ranks.
    """
    init_distributed(launcher)
    cfg.launcher = launcher
    runner = PoseRunner.from_cfg(cfg)
    runner.load_or_resume()
    if fuse_conv_bn:
        fused = fuse_batch_norms(runner.bare_model)
        runner.logger.info(f'folded {fused} BatchNorms into the convolutions before them')
    metrics = runner.test()
    if runner.rank == 0:
        _write(metrics, Path(runner.work_dir), out)
    leave_distributed()
    return metrics


def _write(metrics: dict[str, float], work_dir: Path, out: str | None) -> None:
    (work_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + '\n')
    print(format_scores(metrics))
    if out is None:
        return
    results = work_dir / RESULTS_FILE
    if not results.is_file():
        raise ValueError(f'--out {out}: the metrics of the config write no result file; use --dump')
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(results, out)
    print(f'predictions: {out}')


def fuse_batch_norms(model: nn.Module) -> int:
    """Folds each BatchNorm into the (transposed) convolution before it; returns how many."""
    count = 0
    for module in model.modules():
        if not isinstance(module, nn.Sequential):
            continue
        names = list(module._modules)
        for first, second in pairwise(names):
            conv, norm = module._modules[first], module._modules[second]
            is_conv = isinstance(conv, (nn.Conv2d, nn.ConvTranspose2d))
            if not (is_conv and isinstance(norm, nn.BatchNorm2d)):
                continue
            transposed = isinstance(conv, nn.ConvTranspose2d)
            module._modules[first] = fuse_conv_bn_eval(conv.eval(), norm.eval(), transposed)
            module._modules[second] = nn.Identity()
            count += 1
    return count
