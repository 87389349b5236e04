"""Check of a new machine: every stage of training on its GPUs, its figures, and what failed."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_measures as measures
from benchmarks import gpu_trainings as trainings
from benchmarks.gpu_trainings import Row, Workplace
from benchmarks.machine import describe_machine
from benchmarks.tables import format_check
from mmpose.apis.cli import one_sentence
from mmpose.apis.machine_errors import machine_error
from mmpose.backends import pick_device

LIMIT_S = {True: 120.0, False: 300.0}  # of a stage, with and without a GPU
Outcome = tuple[str, list[Row]]
Stage = Callable[[], Outcome]
DONE, FAILED, LEFT_OUT = 'ok', 'failed', 'left out'


class Worker:
    """Process that runs functions one by one; one that hangs or crashes costs only itself.

    Args:
        limit_s: Time of one function.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._process: Any = None

    def __call__(self, function: Callable[..., Outcome], *args: Any) -> Outcome:
        """Returns what a function of a module returns.

        Raises:
            ImportError: If it lacks a package.
            ValueError: If it fails, or its process ends.
            TimeoutError: If it takes too long.
        """
        if self._process is None:
            context = multiprocessing.get_context('spawn')
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,))
            self._process.start()
            theirs.close()
        self._pipe.send((function, args))
        if not self._pipe.poll(self.limit_s):
            self.close()
            raise TimeoutError(f'no end after {self.limit_s:.0f} s')
        try:
            error, result = self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise ValueError('the process was ended by the system') from None
        if error is not None:
            raise error(result)
        return result

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(pipe: Connection) -> None:
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            answer: tuple[type[Exception] | None, Any] = (None, function(*args))
        except ImportError as error:
            answer = (ImportError, one_sentence(error))
        except Exception as error:
            answer = (ValueError, machine_error(error) or one_sentence(error))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        pipe.send(answer)


def check_gpus(out_dir: Path, names: list[str] | None = None) -> dict[str, Any]:
    """Runs the stages one after the other; one that fails does not stop the others.

    Without a GPU the stages are the same, at tiny sizes, in two processes.

    Args:
        out_dir: New folder for ``check.json``, ``table.md`` and the logs of the commands.
        names: Stages to run; None for all.

    Returns:
        What ``check.json`` holds: ``machine``, ``has_gpu``, and for each stage ``name``,
        ``status`` (ok, failed, left out), ``seconds``, ``text`` and ``rows``.
    """
    out_dir.mkdir(parents=True)
    has_gpu = torch.cuda.is_available()
    num_ranks = torch.cuda.device_count() if has_gpu else 2
    if not has_gpu:
        print('no GPU was found: the stages run at tiny sizes on the CPU, and no figure counts')
    report = {'machine': describe_machine(pick_device(None)), 'has_gpu': has_gpu, 'stages': []}
    worker = Worker(LIMIT_S[has_gpu])
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), out_dir, num_ranks, has_gpu, LIMIT_S[has_gpu])
        try:
            for name, stage in make_stages(place, worker, report['stages']).items():
                if names is None or name in names:
                    report['stages'].append(run_stage(name, stage))
        finally:
            worker.close()
            (out_dir / 'check.json').write_text(json.dumps(report, indent=2) + '\n')
            (out_dir / 'table.md').write_text(format_check(report))
    return report


def make_stages(place: Workplace, worker: Worker, done: list[Row]) -> dict[str, Stage]:
    """Stages by name, in their order.

    Args:
        done: Stages that have run, as they run.
    """
    has_gpu = place.has_gpu
    stages: dict[str, Stage] = {
        'machine': partial(worker, measures.describe_gpus, has_gpu),
        'all-reduce': partial(all_reduce, place),
        'data': partial(trainings.make_data, place),
        'training, fp32': partial(trainings.train_fp32, place),
        'training, bf16': partial(trainings.train_bf16, place),
        'training, compiled': partial(trainings.train_compiled, place),
        'training, DDP': partial(trainings.train_ddp, place),
        'training, FSDP': partial(trainings.train_fsdp, place),
        'training, killed and resumed': partial(trainings.kill_and_resume, place),
        'loader': partial(worker, measures.measure_loader, str(place.folder), has_gpu),
    }
    for name in measures.MODELS:
        stages[f'forward, {name}'] = partial(worker, measures.compare_forward, name, has_gpu)
    for name in measures.MODELS:
        stages[f'step, {name}'] = lambda name=name: worker(
            measures.measure_step, name, has_gpu, _loader_speed(done)
        )
    stages['CUDA graphs'] = partial(worker, measures.measure_cuda_graphs, has_gpu)
    stages['codec'] = partial(worker, measures.measure_codec, has_gpu)
    stages['evaluation'] = partial(worker, measures.measure_evaluation, has_gpu)
    return stages


def all_reduce(place: Workplace) -> Outcome:
    """Measures the all-reduce over all ranks."""
    path = place.folder / 'all_reduce.json'
    place.launch('all-reduce', ['benchmarks.gpu_measures', path])
    rows = json.loads(path.read_text())
    if place.num_ranks == 1:
        return 'one GPU, so nothing crosses a bus', rows
    last = rows[-1]
    return f'{last["bus, GB/s"]:.3g} GB/s over {last["ranks"]} ranks, {last["MiB"]} MiB', rows


def _loader_speed(done: list[Row]) -> float | None:
    rows = [row for stage in done if stage['name'] == 'loader' for row in stage['rows']]
    return rows[0]['samples/s'] if rows else None


def run_stage(name: str, stage: Stage) -> Row:
    """Runs a stage, prints a line on it and returns what the report says of it."""
    begin, rows = time.perf_counter(), []
    try:
        text, rows = stage()
        status = DONE
    except ImportError as error:
        status, text = LEFT_OUT, one_sentence(error)
    except Exception as error:
        status, text = FAILED, machine_error(error) or one_sentence(error)
    seconds = round(time.perf_counter() - begin, 1)
    print(f'{status:<8}  {name:<29} {seconds:6.1f} s  {text}', flush=True)
    return {'name': name, 'status': status, 'seconds': seconds, 'text': text, 'rows': rows}
