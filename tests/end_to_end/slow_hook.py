"""A hook that gives a test the time to interrupt a training."""

import time

from mmengine.hooks import Hook

from mmpose.registry import HOOKS


@HOOKS.register_module()
class SlowHook(Hook):
    """Waits after every iteration, when its checkpoint is saved."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        time.sleep(0.3)
