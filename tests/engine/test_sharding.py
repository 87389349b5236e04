"""What cannot be sharded is refused before anything is; sharded runs are in tests/end_to_end."""

import pytest
import torch
from torch import nn

from mmpose.engine.sharding import shard_model


def test_single_numbers_are_refused():
    pytest.importorskip('torch.distributed.fsdp', reason='this PyTorch cannot shard')
    model = nn.Module()
    model.logit_scale = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"1 parameters .*\('logit_scale'\).* strategy='ddp'"):
        shard_model(model)
