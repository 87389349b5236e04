"""Watchdog of a training that stands still: stacks of all threads, and who waits for whom."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmpose.registry import HOOKS

FOLDER = 'watchdog'
CHECKS = 10  # of the clock within the patience
Place = tuple[int, str, str]  # steps of the loop so far, what it does, where the main thread is


@HOOKS.register_module()
class WatchdogHook(Hook):
    """Writes where each rank is when a training has made no progress for a while.

    A thread of each rank notes its place in ``WORK_DIR/watchdog/rankN.json``. When the training
    stands still, it writes the stacks of all threads to ``stacks_rankN.txt`` beside it, and one
    rank logs who waits for whom. The training goes on if it can. With ``MAX_RESTARTS`` of
    ``tools/dist_train.sh`` the process ends instead, and torchrun starts all of them again.

    Args:
        minutes: Time without a batch of a training or an evaluation.
    """

    priority = 'VERY_HIGH'

    def __init__(self, minutes: float = 15) -> None:
        if minutes <= 0:
            raise ValueError(
                f'minutes of WatchdogHook is {minutes}; expected more than 0, or '
                'default_hooks.watchdog=None for no watchdog'
            )
        self.patience_s = 60 * minutes
        self._thread: threading.Thread | None = None

    def before_train(self, runner: Runner) -> None:
        """Starts the thread."""
        self._logger, self._rank = runner.logger, runner.rank
        self._ranks = range(runner.world_size)
        self._folder = Path(runner.work_dir, FOLDER)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._main = threading.get_ident()
        self._steps, self._end = 0, threading.Event()
        self._note('starts')
        self._write_place()
        self._stacks = self._folder.joinpath(f'stacks_rank{self._rank}.txt').open('a')
        self._thread = threading.Thread(target=self._watch, name=FOLDER, daemon=True)
        self._thread.start()

    def after_stop(self, runner: Runner) -> None:
        """Ends the thread, however the training has ended."""
        if self._thread is not None:
            self._end.set()
            self._thread.join()
            self._thread = None
            self._stacks.close()

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Notes that the batch has come."""
        self._note(f'is within iteration {runner.iter + 1}')

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Notes that the next batch is due."""
        self._note(f'has finished iteration {runner.iter + 1}, and waits for data or saves')

    def after_val_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Notes a batch of an evaluation."""
        self._note(f'has evaluated {batch_idx + 1} batches')

    def _note(self, text: str) -> None:
        self._doing, self._since = text, time.monotonic()
        self._steps += 1

    def _watch(self) -> None:
        told = -1
        while not self._end.wait(self.patience_s / CHECKS):
            # if a thread keeps the others from running, this one too, the system's clock dumps
            faulthandler.dump_traceback_later(2 * self.patience_s, file=self._stacks)
            with suppress(OSError):  # of a full disk, which ends nothing
                self._write_place()
            if time.monotonic() - self._since > self.patience_s and told != self._steps:
                told = self._steps
                self._tell()
        faulthandler.cancel_dump_traceback_later()

    def _place(self) -> Place:
        frame = sys._current_frames().get(self._main)
        where = '' if frame is None else f'{frame.f_code.co_name} ({frame.f_code.co_filename}:'
        where += '' if frame is None else f'{frame.f_lineno})'
        return self._steps, self._doing, where

    def _write_place(self) -> None:
        path = self._folder / f'rank{self._rank}.json'
        part = path.with_suffix('.part')
        part.write_text(json.dumps(self._place()))
        part.replace(path)

    def _tell(self) -> None:
        faulthandler.dump_traceback(file=self._stacks)
        files = {rank: self._folder / f'rank{rank}.json' for rank in self._ranks}
        times = {rank: file.stat().st_mtime for rank, file in files.items() if file.is_file()}
        due = max(times.values(), default=0) - self.patience_s / 2
        heard = {r: json.loads(files[r].read_text()) for r in times if times[r] >= due}
        heard[self._rank] = self._place()
        silent = [rank for rank in self._ranks if rank not in heard]
        text = f'no progress for {self.patience_s / 60:g} minutes: {who_waits(heard, silent)}; '
        text += f'the stacks of all threads are in {self._folder}'
        with suppress(OSError):
            print(f'{time.ctime()}: {text}\n', file=self._stacks, flush=True)
        if self._rank == min(heard):
            self._logger.error(text)
        if int(os.environ.get('TORCHELASTIC_MAX_RESTARTS', 0)):
            os._exit(1)


def who_waits(places: dict[int, Place], silent: list[int]) -> str:
    """Sentence on which rank waits for which.

    Args:
        places: Of each rank that still writes its place.
        silent: Ranks that do not: their process or machine has stopped.
    """
    ahead = max(steps for steps, _, _ in places.values())
    behind = [rank for rank, place in places.items() if place[0] < ahead]
    groups: dict[tuple[str, str], list[int]] = {}
    for rank, (_, doing, where) in places.items():
        groups.setdefault((doing, where), []).append(rank)
    parts = [f'{_ranks(own)} {doing}, in {where}' for (doing, where), own in groups.items()]
    if silent:
        parts.append(f'no answer from {_ranks(silent)}')
    if silent or behind:
        parts.append(f'the others wait for {_ranks(sorted([*silent, *behind]))}')
    return '; '.join(parts)


def _ranks(numbers: list[int]) -> str:
    return f'rank{"s" * (len(numbers) > 1)} {", ".join(map(str, numbers))}'
