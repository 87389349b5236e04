"""Prints the bytes that were predicted for a training step, and those that it took."""

import re
import sys
from pathlib import Path

import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from mmpose.analysis.flops import build_model
from mmpose.analysis.memory import make_batch, measure_step_memory
from mmpose.config.load import load_config
from mmpose.config.names import find_config
from mmpose.engine.runner import prefer_fused

TINY = 'ViTPose_tiny_toy_128x96'


def kilobytes(name):
    return int(re.search(rf'{name}:\s+(\d+)', Path('/proc/self/status').read_text())[1])


def load(name, wrapper):
    return load_config(find_config(name), {'optim_wrapper.type': wrapper})


def train(cfg, batch_size):
    options = cfg.optim_wrapper.to_dict()
    prefer_fused(options['optimizer'])
    model = build_model(cfg.model.to_dict()).train()
    with DefaultScope.overwrite_default_scope('mmpose'):
        wrapper = build_optim_wrapper(model, options)
    for _ in range(2):
        model.train_step(make_batch(model, batch_size), wrapper)


name, size, wrapper = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
predicted = measure_step_memory(load(name, wrapper), size).peak
train(load(TINY, wrapper), 1)  # what libraries load at the first step does not count
before = kilobytes('VmRSS')
Path('/proc/self/clear_refs').write_text('5')  # forgets the highest value so far
train(load(name, wrapper), size)
print(predicted, (kilobytes('VmHWM') - before) * 1024)
