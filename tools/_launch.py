"""torchrun without its own report and traceback: the rank that failed says what is wrong."""

import logging
import os
import signal
import sys
import time

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

if __name__ == '__main__':
    logging.disable(logging.ERROR)
    os.environ['MMPOSE_LAUNCH_TIME'] = str(time.time())  # a restart resumes what is younger
    try:
        main()
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            sys.exit(failure.exitcode)
        name = signal.Signals(-failure.exitcode).name
        hint = '; most often the memory was full' if name == 'SIGKILL' else ''
        print(f'error: rank {rank} was ended by {name}{hint}', file=sys.stderr)
        sys.exit(128 - failure.exitcode)
