"""A hook that compares the weights of all ranks."""

import torch
from mmengine.dist import all_gather
from mmengine.hooks import Hook

from mmpose.registry import HOOKS


@HOOKS.register_module()
class SameHook(Hook):
    """Fails after an epoch in which the ranks have gone different ways."""

    def after_train_epoch(self, runner):
        own = torch.cat([one.detach().flatten() for one in runner.bare_model.parameters()])
        first, *others = all_gather(own)
        assert others
        assert all(torch.equal(first, one) for one in others)
