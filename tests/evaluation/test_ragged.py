import numpy as np
import pytest

from mmpose.evaluation.functional.ragged import (
    descending,
    expand_ranges,
    iterate_pairs,
    rank_in_group,
    segment_starts,
)


@pytest.mark.parametrize(
    ('groups', 'starts', 'ranks'),
    [
        ([], [], []),
        ([7], [0], [0]),
        ([1, 1, 4, 5, 5, 5], [0, 2, 3], [0, 1, 0, 0, 1, 2]),
    ],
)
def test_groups(groups, starts, ranks):
    groups = np.array(groups, dtype=np.int64)
    assert segment_starts(groups).tolist() == starts
    assert rank_in_group(groups).tolist() == ranks


def test_ranges_may_be_empty():
    ranges = expand_ranges(np.array([5, 9, 0]), np.array([2, 0, 3]))
    assert ranges.tolist() == [5, 6, 0, 1, 2]


@pytest.mark.parametrize('pairs_per_chunk', [1, 2, 3, 100])
def test_chunks_hold_all_pairs_once_and_in_order(pairs_per_chunk):
    starts, counts = np.array([4, 0, 7, 2, 1]), np.array([0, 2, 1, 5, 0])
    expected = [[i, starts[i] + k] for i in range(len(starts)) for k in range(counts[i])]
    chunks = list(iterate_pairs(starts, counts, pairs_per_chunk))
    assert np.concatenate([np.stack(chunk, axis=1) for chunk in chunks]).tolist() == expected
    # a chunk exceeds the limit only if it is a single row
    assert all(len(rows) <= pairs_per_chunk or len(set(rows)) == 1 for rows, _ in chunks)


@pytest.mark.parametrize('num', [0, 1, 2, 1000])
@pytest.mark.parametrize('decimals', [0, 1, 9])
def test_rows_by_descending_score_are_those_of_a_stable_sort(num, decimals):
    scores = np.random.default_rng(num).normal(size=num).round(decimals)  # with -0.0 and 0.0
    assert descending(scores).tolist() == np.argsort(-scores, kind='stable').tolist()
