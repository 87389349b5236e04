"""What a training step frees on a CPU stays in the process, unless the environment decides."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from mmpose.engine.cpu_memory import keep_freed_memory
torch.set_num_threads(1)
print(keep_freed_memory())
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for size in (20_000_000, 5_000_000, 20_000_000):
        torch.ones(size)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
LARGE_PAGES = """
from pathlib import Path
from mmpose.engine.cpu_memory import keep_freed_memory
print(keep_freed_memory())
print(any(line.startswith('VmFlags:') and ' hg' in line
          for line in Path('/proc/self/smaps').read_text().splitlines()))
"""
PAGES = 20_000_000 * 4 // 4096  # of one large tensor


def words_of(program, **environment):
    own = {key: value for key, value in os.environ.items() if not key.startswith('MALLOC_')}
    done = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True, text=True, check=True, env=own | environment,
    )  # fmt: skip
    return done.stdout.split()


def run_program(**environment):
    """Whether memory is kept, and the page faults of tensors like those of the round before."""
    kept, num_faults = words_of(PROGRAM, **environment)
    return kept == 'True', int(num_faults)


@pytest.mark.skipif(os.name != 'posix', reason='no setting of the C library')
def test_no_page_is_cleared_twice():
    is_kept, num_faults = run_program()
    if not is_kept:
        pytest.skip('the C library has no such setting')
    assert num_faults < PAGES // 100


def test_the_environment_decides():
    is_kept, _ = run_program(MALLOC_TRIM_THRESHOLD_='100000')
    assert not is_kept


@pytest.mark.skipif(
    not os.path.isdir('/sys/kernel/mm/transparent_hugepage'), reason='no large pages'
)
def test_large_pages_are_asked_for():
    is_kept, are_large = words_of(LARGE_PAGES)
    if is_kept == 'False':
        pytest.skip('the C library has no such setting')
    assert are_large == 'True'
