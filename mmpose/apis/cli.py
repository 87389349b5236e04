"""Command-line flags that the tools share, and error messages in one sentence."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from mmpose.apis.machine_errors import is_first_to_tell, machine_error
from mmpose.config.overrides import ConfigOptions

INFERENCE_OUT = 'work_dirs/infer'  # where tools/infer.py writes
TRACEBACK_VARIABLE = 'MMPOSE_TRACEBACK'
USER_ERRORS = (ValueError, TypeError, KeyError, OSError, ImportError, FloatingPointError)
USER_ERRORS += (AssertionError,)  # mmengine checks arguments so
MACHINE_ERRORS = (RuntimeError, MemoryError, OSError)
_ABSENT = re.compile(r"'Config(?:Dict)?' object has no attribute '(\w+)'")
_WINDOWS = 'opens no windows; --show-dir FOLDER writes the pictures, and tools/infer.py IMAGES '
_WINDOWS += '--model WORK_DIR --show opens windows'
_GATHER = 'is not needed: the processes gather results over their network'
# flags of MMPose 0.x and 1.x -> what to do instead
FOREIGN_FLAGS = {
    '--show': _WINDOWS,
    '--wait-time': _WINDOWS,
    '--interval': 'does not thin out pictures; --show-dir FOLDER draws the first 200 images of a '
    'test, and default_hooks.preview.interval iterations of a training lie between two pictures',
    '--gpu-collect': _GATHER,
    '--gpu_collect': _GATHER,
    '--tmpdir': _GATHER,
}


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of every command that runs a config."""
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and results')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='override anything, e.g. train_dataloader.batch_size=16',
    )
    parser.add_argument(
        '--data-root', help='folder that holds the datasets, instead of data/ (MMPOSE_DATA_ROOT)'
    )
    parser.add_argument(
        '--launcher', default='none', help='how ranks start: none, pytorch, slurm or mpi'
    )
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, help='set by torch.distributed.launch'
    )
    parser.add_argument('--show-dir', help='folder for pictures of samples and predictions')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load checkpoints that run code when they are read; only for files you trust',
    )
    for flag in ('--gpu-id', '--gpu-ids', '--gpus'):
        nargs = '+' if flag == '--gpu-ids' else 1
        parser.add_argument(
            flag, nargs=nargs, type=int, action=_ChosenGpu, help='as in MMPose 0.x: one GPU'
        )
    for flag in FOREIGN_FLAGS:
        parser.add_argument(flag, nargs='?', action=_ForeignFlag, help=argparse.SUPPRESS)


class _ForeignFlag(argparse.Action):
    """Refuses a flag of MMPose with the one to use."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Ends the command."""
        parser.error(f'{option_string} {FOREIGN_FLAGS[str(option_string)]}')


class _ChosenGpu(argparse.Action):
    """Shows this process one GPU only, by its place among those that it would see."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Sets ``CUDA_VISIBLE_DEVICES``, before anything looks for GPUs."""
        num = values[0] if option_string == '--gpus' else len(values)
        if num != 1:
            places = ','.join(map(str, values if option_string == '--gpu-ids' else range(num)))
            parser.error(
                f'{option_string} asks for {num} GPUs, but one process has one; start '
                f'bash tools/dist_{parser.prog.removesuffix(".py")}.sh CONFIG {num} '
                f'"{places}"'
            )
        if option_string == '--gpus':
            return
        seen = os.environ.get('CUDA_VISIBLE_DEVICES')
        names = seen.split(',') if seen else [str(i) for i in range(values[0] + 1)]
        if not 0 <= values[0] < len(names):
            parser.error(f'{option_string} {values[0]}: CUDA_VISIBLE_DEVICES shows {seen} only')
        os.environ['CUDA_VISIBLE_DEVICES'] = names[values[0]]


def run_tool(main: Callable[[], None]) -> None:
    """Runs a command and turns the errors of its user or machine into one sentence and exit code 1.

    Of the ranks of torchrun one reports. With ``MMPOSE_TRACEBACK=1`` in the environment the
    traceback is shown instead.
    """
    try:
        main()
    except BrokenPipeError:  # the reader of a pipe, such as head, has enough
        os._exit(1)
    except Exception as error:
        sentence = machine_error(error) if isinstance(error, MACHINE_ERRORS) else None
        if sentence is None and isinstance(error, USER_ERRORS):
            sentence = one_sentence(error)
        if absent := isinstance(error, AttributeError) and _ABSENT.search(str(error)):
            sentence = f"this command needs '{absent[1]}', which the config, or a part of it, lacks"
        if sentence is None or os.environ.get(TRACEBACK_VARIABLE):
            raise
        if is_first_to_tell(error):
            print(f'error: {sentence}', file=sys.stderr)
            print(f'(set {TRACEBACK_VARIABLE}=1 to see where)', file=sys.stderr)
        if 'TORCHELASTIC_ERROR_FILE' in os.environ:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # threads of collectives would wait for the other ranks
        sys.exit(1)


def one_sentence(error: BaseException) -> str:
    """Returns the message of an error, without the traceback that a loader worker adds to it."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if 'Traceback (most recent call last)' not in text:
        return text or type(error).__name__
    last = text.strip().splitlines()[-1]
    return last.split(': ', 1)[-1]
