"""Trainings that are killed at random moments: kill_worker.py DATA_ROOT FOLDER SEED.

The run in FOLDER/whole is left alone; that in FOLDER/killed is ended by ``kill -9``, loader
workers included, and resumed, again and again. Prints the number of kills.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from training import EACH_ITERATION, records, train

NUM_KILLS = 4
OPTIONS = {
    **EACH_ITERATION,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.checkpoint.max_keep_ckpts': 2,
    'optim_wrapper.type': 'MixedPrecisionOptimWrapper',
    'optim_wrapper.accumulative_counts': 3,
    'train_dataloader.num_workers': 2,
    'val_dataloader.batch_size': 1,
    'train_cfg.max_epochs': 3,
}


def average(cfg):
    cfg.custom_hooks = [{'type': 'EMAHook', 'momentum': 0.1}]


def start(data_root, work_dir):
    """Resumes a training in a process group of its own; forked, so that nothing is imported."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    status = 1
    try:
        train(data_root, work_dir, OPTIONS, 'auto', average)
        status = 0
    finally:
        os._exit(status)


def kill_after_progress(child, work_dir, delay_s):
    """Kills a training after its first new record; returns None, or its status if it has ended."""
    before, due = len(records(work_dir)), None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if due is None and len(records(work_dir)) > before:
            due = time.monotonic() + delay_s
        if due is not None and time.monotonic() >= due:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.01)


def main():
    data_root, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    delays, num_kills = random.Random(seed), 0
    _, status = os.waitpid(start(data_root, folder / 'whole'), 0)
    while num_kills < NUM_KILLS and not status:
        child = start(data_root, folder / 'killed')
        status = kill_after_progress(child, folder / 'killed', delays.uniform(0, 1))
        if status is not None:
            break
        num_kills += 1
    if status is None:
        _, status = os.waitpid(start(data_root, folder / 'killed'), 0)
    print(f'{num_kills} kills')
    sys.exit(bool(status))


if __name__ == '__main__':
    main()
