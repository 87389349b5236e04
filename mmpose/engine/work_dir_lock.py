"""Lock of a work dir: two trainings in one would replace each other's checkpoints."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_FILE = '.lock'
# What the system says of a lock that another process has. A file system without locks says
# something else, and a run there is not protected.
HELD = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def work_dir_lock(work_dir: str | Path) -> Iterator[None]:
    """Holds the lock of a work dir, which ends with the process however that ends.

    The system keeps the lock, over NFS too, so one that a killed run has left behind holds nobody
    up; the file only says who has it. A POSIX lock belongs to the process, so loader workers that
    outlive their parent for some seconds do not hold it.

    Args:
        work_dir: The folder; made if it is not there.

    Raises:
        ValueError: If another process trains there.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    path = Path(work_dir, LOCK_FILE)
    with path.open('a+') as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                file.seek(0)
                raise ValueError(
                    f'{work_dir} is in use by {file.read().strip() or "another training"}; choose '
                    'another --work-dir, or end that training first'
                ) from error
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()} since {time.ctime()}\n')
        file.flush()
        yield
        file.truncate(0)
