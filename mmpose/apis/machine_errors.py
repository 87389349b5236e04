"""Errors of the machine, such as a full memory or a port in use, in one sentence each."""

from __future__ import annotations

import errno
import os
import re
import time
from pathlib import Path

# (what PyTorch, the system or the launcher says, what a user can do about it)
_SENTENCES = [
    (
        r'bus error|shared memory|unable to (write to|open|mmap|resize) file </torch',
        '/dev/shm is too small for the batches of the loader workers; give the container more '
        '(docker run --shm-size=8g), or set train_dataloader.num_workers=0 (val_, test_ likewise)',
    ),
    (
        r'too many open files|ancdata',
        'there are too many open files; raise the limit (ulimit -n 4096) or lower '
        'train_dataloader.num_workers',
    ),
    (
        r'dataloader worker .*(killed by signal|exited unexpectedly)',
        'a loader worker has died, most often because the memory was full; lower '
        'train_dataloader.num_workers, or set it to 0 to see an error of its own',
    ),
    (
        r"out of memory|can't allocate|cannot allocate memory|unable to allocate|bad_alloc|"
        'not enough memory',
        'the memory is full; lower the batch size (of a training train_dataloader.batch_size), or '
        'train with --amp or model.backbone.use_checkpoint=True',
    ),
    (
        r'eaddrinuse|address already in use',
        'port {port} is in use by another program or run; set another by PORT (tools/dist_*.sh), '
        '--master_port (torchrun) or MASTER_PORT',
    ),
    (
        r'client socket has (timed out|failed)|could not connect|no route to host|'
        'name or service not known|failed to resolve',
        '{address}:{port} cannot be reached; start all machines with the same MASTER_ADDR and port',
    ),
]
# What a rank meets when another one ended.
_OF_ANOTHER_RANK = re.compile(
    'closed by peer|reset by peer|pair closure|broken pipe|rank 0 could not evaluate|'
    'ncclremoteerror|nccl communicator was aborted|socket closed'
)


def machine_error(error: BaseException) -> str | None:
    """A sentence on an error of the machine; None if it is another one.

    Args:
        error: From PyTorch, NumPy or the system, or from a loader worker.
    """
    if isinstance(error, OSError) and error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return None  # it names its file
    text = f'{type(error).__name__}: {error}'.lower()
    if isinstance(error, MemoryError):
        text += ' out of memory'
    place = {
        'address': os.environ.get('MASTER_ADDR', 'MASTER_ADDR'),
        'port': os.environ.get('MASTER_PORT', 'MASTER_PORT'),
    }
    for pattern, sentence in _SENTENCES:
        if re.search(pattern, text):
            return sentence.format(**place)
    if _is_of_another_rank(error):
        return 'another rank has ended; if it says nothing, the system has killed it'
    return None


def is_first_to_tell(error: BaseException, patience_s: float = 2.0) -> bool:
    """Whether this rank is the one that reports an error; True without torchrun.

    Args:
        error: A rank that only met the end of another one lets that one speak.
        patience_s: How long it waits.
    """
    file = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if not file:
        return True
    if _is_of_another_rank(error):
        time.sleep(patience_s)
    try:
        Path(file).parents[1].joinpath('told').touch(exist_ok=False)  # shared by the ranks
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def _is_of_another_rank(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and bool(_OF_ANOTHER_RANK.search(str(error).lower()))
