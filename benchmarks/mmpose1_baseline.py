"""MMPose 1.x in a separate Python, as the baseline of the loader and codec benchmarks.

Both packages are called ``mmpose``, so they cannot share an interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from mmpose.datasets.base import image_prefix

WORKER = Path(__file__).with_name('mmpose1_worker.py')
CODEC_TYPES = ('UDPHeatmap', 'MSRAHeatmap')


class MMPose1Baseline:
    """Subprocess of another Python that measures MMPose 1.x on request; a context manager.

    Args:
        python: Interpreter of an environment in which MMPose 1.x is installed.
        codec: Our codec config; ``UDPHeatmap`` and ``MSRAHeatmap`` have a counterpart there.
        dataset: Our dataset config, for ``load``; None for ``code`` only.

    Attributes:
        name: Name and version, for the table.
        num_samples: Number of training samples.
        seconds: Seconds that reading the annotations took.
    """

    def __init__(
        self, python: str, codec: dict[str, Any], dataset: dict[str, Any] | None = None
    ) -> None:
        setup = {'codec': translate_codec(codec), 'dataset': dataset and translate_dataset(dataset)}
        self.python = python
        try:
            self._process = subprocess.Popen(
                [python, '-I', str(WORKER)],  # isolated: this package must not be found there
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'},
                text=True,
            )
        except OSError as error:
            raise ValueError(f'--peer-python {python} cannot be started: {error}') from error
        try:
            about = self._ask(setup)
        except ValueError:
            self.close()
            raise
        self.name = f'MMPose {about["version"]}'
        self.num_samples: int = about['num_samples']
        self.seconds: float = about['seconds']

    def __enter__(self) -> MMPose1Baseline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Terminates the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):  # a request that it did not read
            self._process.stdin.close()
        self._process.stdout.close()

    def load(self, indices: Sequence[int], batch_size: int) -> dict[str, Any]:
        """Returns ``seconds`` for loading and collating samples, and those of each of its steps."""
        wrapped = [index % self.num_samples for index in indices]
        return self._ask({'do': 'load', 'indices': wrapped, 'batch_size': batch_size})

    def code(self, keypoints: list[Any]) -> dict[str, float]:
        """Returns the seconds to ``encode`` and to ``decode`` (B, K, 2) keypoints, input px."""
        return self._ask({'do': 'code', 'keypoints': keypoints})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + '\n')
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError) as error:
            raise ValueError(
                f'--peer-python {self.python} ended without an answer; run {WORKER} in it by hand '
                'to see why'
            ) from error
        if 'error' in answer:
            raise ValueError(f'MMPose 1.x in {self.python} says: {answer["error"]}')
        return answer


def translate_codec(codec: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of the same codec in MMPose 1.x.

    Raises:
        ValueError: If it has none.
    """
    if codec['type'] not in CODEC_TYPES:
        raise ValueError(
            f'the codec is {codec["type"]}, but MMPose 1.x can be timed with '
            f'{" and ".join(CODEC_TYPES)} only; leave out --peer-python'
        )
    return {
        'type': codec['type'],
        'input_size': list(codec['input_size']),
        'heatmap_size': list(codec['heatmap_size']),
        'sigma': codec.get('sigma', 2),
    }


def translate_dataset(dataset: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of the same dataset in MMPose 1.x, without its pipeline.

    Raises:
        ValueError: If it is not in COCO's format.
    """
    if dataset['type'] != 'CocoDataset':
        raise ValueError(
            f'the training set is a {dataset["type"]}, but MMPose 1.x can be timed with '
            'CocoDataset only; leave out --peer-python'
        )
    return {
        'type': 'CocoDataset',
        'data_mode': 'topdown',
        'data_root': os.path.abspath(dataset.get('data_root', '')),
        'ann_file': dataset['ann_file'],
        'data_prefix': {'img': image_prefix(dataset.get('data_prefix'), dataset.get('img_prefix'))},
    }
