"""Gathering of results over ranks, by collectives on a process group of its own.

The group uses gloo whatever the training uses, so that arrays need not visit a GPU, and it waits as
long as it takes: a rank may wait for rank 0 to evaluate, or for a rank with more images. There
are no files in between.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch.distributed as dist

T = TypeVar('T')

# far beyond any evaluation; a rank that dies is noticed by the launcher, not by this limit
GROUP_TIMEOUT = timedelta(days=7)

# Weak, because torch owns its groups: a reference of ours would keep the threads of the group alive
# after destroy_process_group, and a thread that outlives the interpreter aborts the process.
_groups: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def is_distributed() -> bool:
    """True if there is more than one rank."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def evaluation_group() -> Any:
    """Gloo group of all ranks, made at the first call.

    Every rank must make its first call at the same point of the program, because making a group is
    a collective itself; ``GatheredMetric.evaluate`` is such a point, also for a rank that had no
    sample.
    """
    group = _groups.get('evaluation')
    if group is None:
        group = dist.new_group(backend='gloo', timeout=GROUP_TIMEOUT)
        _groups['evaluation'] = group
    return group


def gather_to_main(part: T) -> list[T] | None:
    """Parts of all ranks in the order of the ranks, on rank 0.

    Args:
        part: What this rank has; anything that can be pickled, best packed arrays.

    Returns:
        One part per rank on rank 0, None elsewhere; a list of one without distribution.
    """
    if not is_distributed():
        return [part]
    is_main = dist.get_rank() == 0
    parts: list[Any] | None = [None] * dist.get_world_size() if is_main else None
    dist.gather_object(part, parts, dst=0, group=evaluation_group())
    return parts


def compute_on_main(compute: Callable[[], T]) -> T:
    """Result of a computation on rank 0, broadcast to all ranks: what ``compute`` returned.

    Args:
        compute: Called on rank 0 only.

    Raises:
        RuntimeError: On the other ranks if rank 0 raised, so that they do not wait for ever.
    """
    if not is_distributed():
        return compute()
    group = evaluation_group()
    if dist.get_rank() != 0:
        message: list[Any] = [None]
        dist.broadcast_object_list(message, src=0, group=group)
        result, error = message[0]
        if error is not None:
            raise RuntimeError(f'rank 0 could not evaluate: {error}')
        return result
    try:
        result = compute()
    except Exception as error:
        dist.broadcast_object_list([(None, f'{type(error).__name__}: {error}')], src=0, group=group)
        raise
    dist.broadcast_object_list([(result, None)], src=0, group=group)
    return result
