"""Index arithmetic for groups of unequal size that lie one after the other in an array."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmpose.coco.keypoint_arrays import FloatArray, IntArray

# 17 keypoints of float64 coordinates: about 2 MB, which stays in the L2 cache
PAIRS_PER_CHUNK = 8192


def segment_starts(sorted_groups: IntArray) -> IntArray:
    """Positions at which a new group begins.

    Args:
        sorted_groups: (N,), group of each row, equal values adjacent.

    Returns:
        (S,), ascending, the first one 0; empty when N is 0.
    """
    if len(sorted_groups) == 0:
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(sorted_groups[1:] != sorted_groups[:-1]) + 1
    return np.concatenate([np.zeros(1, dtype=np.int64), changes.astype(np.int64)])


def rank_in_group(sorted_groups: IntArray) -> IntArray:
    """Position of each row inside its own group: (N,), 0 for the first row of each group.

    Args:
        sorted_groups: (N,), group of each row, equal values adjacent.
    """
    starts = segment_starts(sorted_groups)
    counts = np.diff(np.append(starts, len(sorted_groups)))
    return np.arange(len(sorted_groups), dtype=np.int64) - np.repeat(starts, counts)


def expand_ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """The ranges ``starts[i] ... starts[i] + counts[i] - 1`` one after the other.

    Args:
        starts: (N,), first index of each range.
        counts: (N,), length of each range; 0 is allowed.

    Returns:
        (sum of counts,).
    """
    total = int(counts.sum())
    offsets = np.cumsum(counts) - counts  # (N,), where each range begins in the output
    return np.asarray(np.arange(total) + np.repeat(starts - offsets, counts), dtype=np.int64)


def descending(scores: FloatArray) -> IntArray:
    """Rows by descending score, of equal ones the earlier first; sooner than by a stable sort."""
    order = np.argsort(-scores)
    ordered = scores[order]
    order[1:] += np.cumsum(ordered[1:] != ordered[:-1]) * len(order)
    order.sort()
    return np.asarray(order % max(len(order), 1), dtype=np.int64)


def best_in_groups(groups: IntArray, scores: FloatArray, num: int) -> IntArray:
    """Rows of the ``num`` best scores of each group, by group and descending score.

    Args:
        groups: (N,), from 0.
        scores: (N,). Of equal ones the earlier is better.
    """
    rows = descending(scores)
    small = np.min_scalar_type(groups.max(initial=0))  # 16 bits sort much faster
    rows = rows[np.argsort(groups[rows].astype(small), kind='stable')]
    return rows[rank_in_group(groups[rows]) < num]


def iterate_pairs(
    starts: IntArray, counts: IntArray, pairs_per_chunk: int = PAIRS_PER_CHUNK
) -> Iterator[tuple[IntArray, IntArray]]:
    """All pairs (row, partner) in chunks of bounded size, rows ascending.

    Args:
        starts: (N,), first partner of each row.
        counts: (N,), number of partners of each row.
        pairs_per_chunk: Upper bound of a chunk; only one row with more partners exceeds it.

    Yields:
        row: (P,), index of the row.
        partner: (P,), index of its partner.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    first, done = 0, 0
    while done < total:
        last = int(np.searchsorted(ends, done + pairs_per_chunk, side='right'))
        last = max(last, int(np.searchsorted(ends, done, side='right')) + 1)
        rows = np.arange(first, last, dtype=np.int64)
        yield (
            np.repeat(rows, counts[first:last]),
            expand_ranges(starts[first:last], counts[first:last]),
        )
        first, done = last, int(ends[last - 1])


def iterate_group_pairs(
    first_group: IntArray, second_group: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs of rows of the same group in chunks; all pairs of a first row are in one chunk.

    Args:
        first_group: (N,). Group of each first row, in any order.
        second_group: (M,). Group of each second row, in any order.

    Yields:
        first: (P,). First rows, ascending.
        second: (P,). Second rows, ascending for each first one.
    """
    order = np.argsort(second_group, kind='stable')
    ordered = second_group[order]
    starts = np.searchsorted(ordered, first_group, side='left')
    counts = np.searchsorted(ordered, first_group, side='right') - starts
    for first, partner in iterate_pairs(starts, counts):
        yield first, order[partner]
