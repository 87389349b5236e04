"""Small batches by CUDA graphs: sizes, copies, changes and fallback. No GPU: replays are calls."""

import copy
import pickle
from contextlib import nullcontext

import pytest
import torch
from test_packed import DECONV, build

from mmpose.backends import cuda_graphs
from mmpose.backends.base import Prediction
from mmpose.backends.cuda_graphs import CudaGraphs
from mmpose.backends.pytorch import TorchBackend
from mmpose.models.calibration import Confidence


class Replay:
    """What a graph does: it writes what it gives now over what it gave when it was recorded."""

    def __init__(self, function, inputs, options, outputs):
        self.call = lambda: function(inputs, *options)
        self.outputs = outputs

    def replay(self):
        now = self.call()
        for name in ('keypoints', 'keypoint_scores', 'heatmaps'):
            if getattr(now, name) is not None:
                getattr(self.outputs, name).copy_(getattr(now, name))


@pytest.fixture
def recorded(monkeypatch):
    """The sizes that were recorded."""
    sizes = []

    def record(function, inputs, *options):
        sizes.append(len(inputs))
        outputs = function(torch.zeros_like(inputs), *options)
        return Replay(function, inputs, options, outputs), inputs, outputs

    monkeypatch.setattr(cuda_graphs, 'record', record)
    monkeypatch.setattr(torch.cuda, 'device', lambda device: nullcontext())
    return sizes


@pytest.fixture
def backend():
    found = TorchBackend(build(DECONV))
    found.model.flip_test = False
    found.graphs = CudaGraphs()
    return found


def crops_of(num, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (num, 3, 64, 64), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def run(backend, crops, with_heatmaps=True):
    return backend.graphs(backend._predict, backend.model, crops, with_heatmaps)


def assert_same(found, expected):
    for name in ('keypoints', 'keypoint_scores', 'heatmaps'):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def test_batches_are_filled_up_to_few_sizes(backend, recorded):
    for num in (1, 3, 4, 7, 33, 1):
        assert_same(run(backend, crops_of(num)), backend.predict(crops_of(num), True))
    assert recorded == [1, 4, 8]  # 33 are too many


def test_results_outlive_the_next_replay(backend, recorded):
    first = run(backend, crops_of(4))
    kept = copy.deepcopy(first)
    assert not torch.equal(run(backend, crops_of(4, seed=1)).heatmaps, kept.heatmaps)
    assert_same(first, kept)
    assert run(backend, crops_of(4), with_heatmaps=False).heatmaps is None
    assert recorded == [4, 4]


def test_changes_of_the_model_count(backend, recorded):
    model, crops = backend.model, crops_of(2)
    for change, num in (
        (lambda: model.head.final_layer.weight.data.mul_(2), 1),  # is read where it is
        (lambda: setattr(model, 'flip_test', True), 2),
        (lambda: model.load_state_dict(copy.deepcopy(model.state_dict()), assign=True), 3),
    ):
        run(backend, crops)
        change()
        assert_same(run(backend, crops), backend.predict(crops, True))
        assert len(recorded) == num


def test_what_cannot_be_recorded_runs_as_it_is(backend, recorded, monkeypatch):
    def record(*args):
        raise RuntimeError('operation not permitted when stream is capturing\nmore of it')

    monkeypatch.setattr(cuda_graphs, 'record', record)
    with pytest.warns(
        UserWarning, match='without CUDA graphs: operation not permitted .* capturing$'
    ):
        found = run(backend, crops_of(2))
    assert_same(found, backend.predict(crops_of(2), True))
    assert_same(run(backend, crops_of(2)), found)  # and says it once
    assert backend.graphs.problem.endswith('capturing')


def test_confidence_is_copied_too():
    values = torch.arange(8.0).reshape(4, 2)
    given = Prediction(values, values, None, Confidence(sigma_in=values))
    found = cuda_graphs._first_rows(given, 3)
    values.zero_()
    assert found.confidence.sigma_in.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert found.heatmaps is None


def test_copies_have_no_recordings(backend, recorded):
    run(backend, crops_of(1))
    assert len(backend.graphs._recordings) == 1
    for made in (copy.deepcopy(backend.graphs), pickle.loads(pickle.dumps(backend.graphs))):
        assert made._recordings == {}


def test_a_cpu_says_why_it_has_none():
    with pytest.raises(ValueError, match='a CPU launches none; leave out cuda_graphs'):
        TorchBackend(build(DECONV), cuda_graphs=True)
