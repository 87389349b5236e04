"""A hook that fails as machines do, once in each start of a job."""

import os
import signal
import time

from mmengine.hooks import Hook

from mmpose.registry import HOOKS


@HOOKS.register_module()
class FailingHook(Hook):
    """In rank 1 the first start is killed in iteration 2, the second one stands still after it."""

    priority = 'LOWEST'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if self._is_due(runner, start=0):
            os.kill(os.getpid(), signal.SIGKILL)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self._is_due(runner, start=1):
            time.sleep(600)

    def _is_due(self, runner, start):
        now = (runner.rank, runner.iter, os.environ['TORCHELASTIC_RESTART_COUNT'])
        return now == (1, 1, str(start))
