"""Worker that measures MMPose 1.x's own loader and codec in a Python with that package.

It is started by path in another interpreter (see ``mmpose1_baseline.py``) and imports nothing of
this package. It reads one JSON request per line from standard input and answers each with one line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

Request = dict[str, Any]
Answer = dict[str, Any]

TRAIN_PIPELINE = ('LoadImage', 'GetBBoxCenterScale', 'RandomFlip', 'RandomHalfBody')


class Worker:
    """Dataset and codec of MMPose 1.x, with timing.

    Args:
        setup: ``codec`` config of MMPose 1.x; ``dataset`` arguments without a pipeline, or None.
    """

    def __init__(self, setup: Request) -> None:
        import cv2
        import torch
        from mmengine.registry import init_default_scope

        import mmpose

        if not mmpose.__version__.startswith('1.'):
            raise ImportError(f'mmpose {mmpose.__version__} of {mmpose.__file__} is not MMPose 1.x')
        import mmpose.codecs
        import mmpose.datasets  # both fill the registries
        from mmpose.registry import DATASETS, KEYPOINT_CODECS

        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        init_default_scope('mmpose')
        self.version = mmpose.__version__
        self.codec = KEYPOINT_CODECS.build(dict(setup['codec']))
        self.dataset, self.seconds = None, 0.0
        if setup['dataset'] is not None:
            pipeline = make_pipeline(setup['codec'])
            begin = time.perf_counter()
            self.dataset = DATASETS.build(dict(setup['dataset'], pipeline=pipeline))
            self.dataset.full_init()
            self.seconds = time.perf_counter() - begin

    def describe(self) -> Answer:
        """Returns the version, the number of training samples, and the seconds to open them."""
        samples = 0 if self.dataset is None else len(self.dataset)
        return {'version': self.version, 'num_samples': samples, 'seconds': self.seconds}

    def load(self, request: Request) -> Answer:
        """Returns the seconds for loading ``indices``, in batches, and those of each step."""
        from mmengine.dataset import pseudo_collate

        indices, size = request['indices'], request['batch_size']
        begin = time.perf_counter()
        for first in range(0, len(indices), size):
            pseudo_collate([self.dataset[i] for i in indices[first : first + size]])
        seconds = time.perf_counter() - begin
        return {'seconds': seconds, 'steps': self._time_steps(indices)}

    def _time_steps(self, indices: list[int]) -> dict[str, float]:
        steps: dict[str, float] = {}
        for index in indices:
            last = time.perf_counter()
            sample = self.dataset.get_data_info(index)
            last = _add(steps, 'lookup', last)
            for transform in self.dataset.pipeline.transforms:
                sample = transform(sample)
                last = _add(steps, type(transform).__name__, last)
        return steps

    def code(self, request: Request) -> Answer:
        """Returns the seconds for drawing and for reading the targets of some persons."""
        import numpy as np

        keypoints = np.array(request['keypoints'], np.float32)  # (B, K, 2), input px
        keypoints_visible = np.ones((1, keypoints.shape[1]), np.float32)
        begin = time.perf_counter()
        targets = [
            self.codec.encode(person[None], keypoints_visible)['heatmaps'] for person in keypoints
        ]
        middle = time.perf_counter()
        for heatmaps in targets:
            self.codec.decode(heatmaps)
        return {'encode': middle - begin, 'decode': time.perf_counter() - middle}


def make_pipeline(codec: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the training pipeline of MMPose 1.x's own top-down heatmap configs."""
    return [
        *(dict(type=name) for name in TRAIN_PIPELINE),
        dict(type='RandomBBoxTransform'),
        dict(
            type='TopdownAffine',
            input_size=codec['input_size'],
            use_udp=codec['type'].startswith('UDP'),
        ),
        dict(type='GenerateTarget', encoder=dict(codec)),
        dict(type='PackPoseInputs'),
    ]


def _add(steps: dict[str, float], name: str, last: float) -> float:
    now = time.perf_counter()
    steps[name] = steps.get(name, 0.0) + now - last
    return now


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answers requests until the input ends; an error is answered too."""
    worker: Worker | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if worker is None:
                worker = Worker(request)
                answer = worker.describe()
            else:
                actions: dict[str, Callable[[Request], Answer]] = {
                    'load': worker.load,
                    'code': worker.code,
                }
                answer = actions[request['do']](request)
        except Exception as error:
            answer = {'error': f'{type(error).__name__}: {error}'}
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


if __name__ == '__main__':
    # Output of the other package goes to standard error, so that stdout has the answers only.
    own_output = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    serve(sys.stdin, own_output)
