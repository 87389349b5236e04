"""Resuming: what a run takes from a checkpoint, and what its config may have changed since.

Epochs are what a training counts. So batch size, ranks, dataset, ``max_epochs``, schedule and the
settings of the optimizer may change, and the config counts; model and kind of optimizer may not.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from torch import nn
from torch.optim import Optimizer

from mmpose.checkpoints.compare import require_same
from mmpose.engine.sharding import is_sharded

# Of a parameter group: what belongs to the machine or to the state, and is no setting.
NO_SETTINGS = ('params', 'fused', 'foreach', 'capturable', 'differentiable')
NEW_RUN = 'use --cfg-options load_from=... without --resume to start a new run from its weights'


def check_fits(checkpoint: dict[str, Any], model: nn.Module, optimizer: Optimizer) -> None:
    """Raises a ValueError if model or optimizer differ, or how they are spread over the ranks."""
    try:
        require_same(checkpoint['state_dict'], model.state_dict(), 'the checkpoint')
    except ValueError as error:
        raise ValueError(f'the model of the config is another one: {error}; {NEW_RUN}') from error
    then, now = checkpoint['meta'].get('optimizer'), type(optimizer).__name__
    if then not in (None, now):
        raise ValueError(f'it was trained with {then}, not with {now}; {NEW_RUN}')
    groups = checkpoint['optimizer']['param_groups']
    is_by_name = any(isinstance(key, str) for group in groups for key in group['params'])
    if is_by_name != is_sharded(model):
        strategy = 'fsdp' if is_by_name else 'ddp'
        raise ValueError(f"it was trained with strategy='{strategy}'; set that, or {NEW_RUN}")
    sizes = [len(group['params']) for group in groups]
    own = [len(group['params']) for group in optimizer.param_groups]
    if not is_by_name and sizes != own:
        raise ValueError(
            f'its optimizer has {sum(sizes)} parameters in {len(sizes)} groups, that of the config '
            f'has {sum(own)} in {len(own)}; set optim_wrapper as it was, or {NEW_RUN}'
        )


def group_settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Settings of the parameter groups, such as rates and decay."""
    return [
        {key: value for key, value in group.items() if key not in NO_SETTINGS}
        for group in optimizer.param_groups
    ]


def restore_schedules(
    wrapper: OptimWrapper,
    settings: Sequence[Mapping[str, Any]],
    schedulers: Sequence[_ParamScheduler],
    states: Sequence[Mapping[str, Any]],
    steps: Sequence[int],
) -> Iterator[str]:
    """Brings rates and settings of the optimizer to the place where the run resumes.

    Schedules that have not changed go on from their state. Otherwise those of the config are
    followed from the start of the training up to this place.

    Args:
        wrapper: The optimizer, its state loaded, its schedulers as they were built.
        settings: Of its groups before the state was loaded: those of the config.
        schedulers: Of the config.
        states: Of the schedulers in the checkpoint.
        steps: How often each scheduler would have stepped.

    Yields:
        A sentence on each change.

    Raises:
        ValueError: If a schedule that follows the metrics has changed.
    """
    groups = wrapper.optimizer.param_groups
    is_same = len(schedulers) == len(states) and all(
        _settings_of(one, vars(one)) == _settings_of(one, state)
        for one, state in zip(schedulers, states, strict=True)
    )
    scheduled = {one.param_name for one in schedulers}
    rates = [group['lr'] for group in groups]
    changed: dict[str, tuple[Any, Any]] = {}
    for group, own in zip(groups, settings, strict=True):
        for key, value in own.items():
            is_moving = key in scheduled or key.removeprefix('initial_') in scheduled
            if not is_moving and group.get(key) != value:
                changed[key] = (group.get(key), value)
            if not is_moving or not is_same:
                group[key] = value
    for key, (then, now) in changed.items():
        yield f'{key} of the optimizer is {now} instead of {then}'
    if is_same:
        for one, state in zip(schedulers, states, strict=True):
            one.load_state_dict(dict(state))
        return
    if any(getattr(one, 'need_val_args', False) for one in schedulers):
        raise ValueError(
            'param_scheduler has changed, and one of its parts follows the metrics, of which the '
            f'past is not known; set param_scheduler as it was, or {NEW_RUN}'
        )
    _follow(schedulers, steps)
    yield (
        'the schedule is another one than in the checkpoint, that of the config counts, as if it '
        f'had from the start: the highest learning rate is {max(g["lr"] for g in groups):.4g} '
        f'instead of {max(rates):.4g}'
    )


def steps_until(
    configs: Sequence[Mapping[str, Any]], epoch: int, iteration: int, epoch_iteration: float
) -> list[int]:
    """How often each scheduler has stepped.

    Args:
        configs: Of the schedulers.
        epoch: Finished epochs.
        iteration: Iterations that were trained.
        epoch_iteration: Iterations of as many epochs of the present length. What is given in
            epochs, or lasts until the training ends, is measured by them.
    """
    return [
        epoch
        if config.get('by_epoch', True) and not config.get('convert_to_iter_based', False)
        else int(epoch_iteration)
        if config.get('convert_to_iter_based', False) or 'end' not in config
        else iteration
        for config in configs
    ]


def batches_done_now(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Where the epoch goes on that a checkpoint was saved in.

    Args:
        then: ``batches_done``, ``batch_size``, ``ranks``, ``num_samples``, ``image_buffer`` and
            ``epoch_length`` of the run that saved it.

    Returns:
        Finished batches of this run's size, and a sentence on each change.
    """
    names = {'batch_size': 'batch size', 'ranks': 'number of ranks', 'num_samples': 'training set'}
    names['image_buffer'] = 'image buffer'
    order = ('num_samples', 'image_buffer')
    then = {'image_buffer': 0, **then}
    changes = [
        f'the {name} is {now[key]}{" samples" * (key in order)} instead of {then[key]}'
        for key, name in names.items()
        if then.get(key, now[key]) != now[key]
    ]
    done = then['batches_done']
    if not changes or not done:
        return done, changes
    if any(then.get(key, now[key]) != now[key] for key in order):
        return 0, [*changes, 'the epoch that was interrupted starts anew']
    if done >= then.get('epoch_length', done + 1):
        return now['epoch_length'], changes
    samples = done * then.get('batch_size', now['batch_size']) * then['ranks']
    whole = samples // (now['batch_size'] * now['ranks'])
    return min(whole, now['epoch_length']), [
        *changes,
        f'{samples} samples of the epoch had been seen, it goes on behind {whole} batches',
    ]


def _settings_of(scheduler: _ParamScheduler, state: Mapping[str, Any]) -> dict[str, Any]:
    """What a scheduler was built with, out of its state."""
    names = {
        name for kind in type(scheduler).__mro__ for name in inspect.signature(kind).parameters
    }
    names = (names | {'base_values'}) - {'last_step', 'optimizer', 'verbose'}
    return {name: value for name, value in state.items() if name in names}


def _follow(schedulers: Sequence[_ParamScheduler], steps: Sequence[int]) -> None:
    """Steps schedulers side by side, as a training does."""
    total = max(steps, default=0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that the optimizer has not stepped in between
        for time in range(1, total + 1):
            for scheduler, count in zip(schedulers, steps, strict=True):
                if time * count // total > (time - 1) * count // total:
                    scheduler.step()
