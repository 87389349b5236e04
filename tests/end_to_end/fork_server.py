"""Server of commands: each runs in a fork of it, which need not import PyTorch again.

Reads a JSON object a line: ``command``, the words after ``python``; ``log``, a file that gets what
is printed; ``environments``, the variables of each process, which run side by side. Answers with
the list of their exit codes, the first to end first.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import sys

import plain_config_texts

LIMIT_S = 600
# what the commands import, and what a training imports as it goes on
MODULES = (
    'matplotlib.pyplot',
    'torch.utils.cpp_extension',
    'torch.utils.tensorboard',
    'torchvision',
    'mmcv_custom',
    'mmpose.apis.test',
    'mmpose.apis.train',
    'mmpose.codecs',
    'mmpose.datasets',
    'mmpose.models',
)


def become(command: list[str], log: str, environment: dict[str, str]) -> None:
    """Makes this process that of a command."""
    signal.alarm(LIMIT_S)  # ends it
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for own, other in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(other, own)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.path[0] = command, os.path.dirname(os.path.abspath(command[0]))
    runpy.run_path(command[0], run_name='__main__')


def wait_for(processes: set[int]) -> list[int]:
    """Waits for all, ends the others where one fails, and returns the codes in their order."""
    codes = []
    while processes:
        process, status = os.wait()
        processes.remove(process)
        codes.append(os.waitstatus_to_exitcode(status))
        if codes[-1]:
            for other in processes:
                os.kill(other, signal.SIGTERM)
    return codes


def main() -> None:
    for name in MODULES:
        importlib.import_module(name)
    plain_config_texts.OWNER.FormatCode = plain_config_texts.format_plainly
    gc.freeze()
    answers = os.fdopen(os.dup(1), 'w')
    for line in sys.stdin:
        request = json.loads(line)
        processes = set()
        for environment in request['environments']:
            process = os.fork()
            if not process:
                become(request['command'], request['log'], environment)
                return
            processes.add(process)
        print(json.dumps(wait_for(processes)), file=answers, flush=True)


if __name__ == '__main__':
    main()
