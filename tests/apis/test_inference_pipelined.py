"""Stages in threads: nothing is lost, doubled or swapped, errors arrive once, threads end."""

import itertools
import threading
import time

import pytest

from mmpose.apis.inference.pipelined import run_pipelined

NUM = 60


def sleepy(period):
    """Returns a stage that dawdles on every ``period``-th item."""

    def stage(item):
        if item % period == 0:
            time.sleep(0.003)
        return item

    return stage


def failing(at):
    def stage(item):
        if item == at:
            raise ValueError(f'item {item}')
        return item

    return stage


@pytest.fixture(autouse=True)
def _all_threads_end():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize('capacity', [1, 3])
@pytest.mark.parametrize('stages', [[], [sleepy(2)], [sleepy(7), sleepy(3), sleepy(5)]])
def test_every_item_once_and_in_order(stages, capacity):
    assert list(run_pipelined(range(NUM), *stages, capacity=capacity)) == list(range(NUM))


def test_a_slow_reader_loses_nothing():
    found = []
    for item in run_pipelined(range(20), sleepy(4)):
        time.sleep(0.002)
        found.append(item)
    assert found == list(range(20))


@pytest.mark.parametrize('place', [0, 1, 2, 3])
def test_an_error_comes_once_after_the_items_before_it(place):
    def source():
        for item in range(NUM):
            yield failing(17)(item) if place == 0 else item

    stages = [failing(17) if place == number else sleepy(5) for number in (1, 2, 3)]
    running = run_pipelined(source(), *stages)
    assert [next(running) for _ in range(17)] == list(range(17))
    with pytest.raises(ValueError, match='item 17'):
        next(running)
    assert next(running, 'no more') == 'no more'


def test_closing_stops_the_source_early_and_closes_it():
    read, closed = [], []

    def source():
        try:
            for item in range(10_000):
                read.append(item)
                yield item
        finally:
            closed.append(True)

    running = run_pipelined(source(), sleepy(1), sleepy(1))
    assert [next(running) for _ in range(3)] == [0, 1, 2]
    running.close()
    assert closed == [True]
    assert len(read) < 15  # what fits into two stages and three queues of one, and little more


def test_an_error_of_the_reader_ends_the_threads():
    def read():
        for item in run_pipelined(range(NUM), sleepy(3)):
            if item == 5:
                raise RuntimeError('reader')

    with pytest.raises(RuntimeError, match='reader'):
        read()


def test_stages_work_at_the_same_time():
    num, meeting = 20, threading.Barrier(3, timeout=60)  # broken if one waits for another to end

    def meets(first):
        def work(item):
            if first <= item < first + num - 2:
                meeting.wait()
            return item

        return work

    stages = [meets(2), meets(1), meets(0)]  # three items that follow each other meet
    assert list(run_pipelined(map(stages[0], range(num)), *stages[1:])) == list(range(num))


def test_nested_pipelines_end_together():
    inner = run_pipelined(range(NUM), sleepy(2))
    outer = run_pipelined(inner, sleepy(3))
    assert [next(outer) for _ in range(5)] == [0, 1, 2, 3, 4]
    outer.close()


def test_an_interrupt_between_two_starts_ends_the_threads_that_run(monkeypatch):
    start, before = threading.Thread.start, threading.active_count()

    def interrupted(thread):
        if threading.active_count() >= before + 2:
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, 'start', interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(run_pipelined(itertools.count(), abs, abs, abs))
    assert threading.active_count() == before
