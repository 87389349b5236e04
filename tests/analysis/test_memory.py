"""Memory of a training step: what is predicted without running it is what a process takes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mmpose.analysis.memory import LiveTensors, report_step_memory
from mmpose.config.load import load_config
from mmpose.config.names import find_config

MIB = 1 << 20
# glibc keeps freed blocks below its threshold, which grows; a fixed one gives them back
GIVES_BACK = {'MALLOC_MMAP_THRESHOLD_': '65536', 'MALLOC_TRIM_THRESHOLD_': '65536'}


def test_memory_is_counted_while_tensors_live():
    with FakeTensorMode(), LiveTensors() as live:
        first = torch.empty(MIB, dtype=torch.uint8)
        view = first.view(2, -1)[1]
        assert live.now == MIB
        second = first + 1
        assert (live.now, live.peak) == (2 * MIB, 2 * MIB)
        del first, second
        assert live.now == MIB  # the view still holds it
        del view
        assert (live.now, live.peak) == (0, 2 * MIB)
        assert live.moved == 3 * MIB  # made, read, written


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='reads the /proc of Linux')
@pytest.mark.parametrize('wrapper', ['OptimWrapper', 'MixedPrecisionOptimWrapper'])
def test_a_process_takes_what_was_predicted(wrapper):
    worker = Path(__file__).with_name('memory_worker.py')
    run = [sys.executable, worker, 'vitpose-s', '8', wrapper]
    environment = {**os.environ, **GIVES_BACK, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=True)
    predicted, measured = map(int, done.stdout.split()[-2:])
    assert 0.85 < predicted / measured < 1.15


def test_memory_grows_with_the_batch_and_shrinks_with_the_precision():
    cfg = load_config(find_config('ViTPose_tiny_toy_128x96'))

    def peaks(size):
        return [float(x) for x in re.findall(r'([\d.]+) GB at most', report_step_memory(cfg, size))]

    (small, small_mixed), (large, large_mixed) = peaks(16), peaks(64)
    assert 3 < large / small < 4.2
    assert small_mixed < small
    assert large_mixed < 0.75 * large
