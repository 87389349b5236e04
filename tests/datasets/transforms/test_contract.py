"""What holds for every transform: honest keys, random numbers from the sample, nothing else."""

import copy
import inspect
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from samples import make_sample, write_image, write_poses

from mmpose.datasets import transforms
from mmpose.datasets.sample import FROM_ANNOTATION, FROM_DATASET, NOT_PACKED, SAMPLE_KEYS
from mmpose.datasets.transforms import AddTeacherKeypoints
from mmpose.registry import TRANSFORMS
from mmpose.structures import CropWindow

TRANSFORMS.import_from_location()
OURS = sorted(
    name
    for name, cls in TRANSFORMS.module_dict.items()
    if cls.__module__.startswith(transforms.__name__)
)
CODEC = {
    'type': 'UDPHeatmap',
    'input_size': (48, 64),
    'heatmap_size': (12, 16),
    'blur_kernel_size': 3,
}
CROPPED = {'AddCondition', 'AddTeacherKeypoints'}  # read what is cropped
IDLE = {'GenerateTarget', 'PackPoseInputs'}  # steps of MMPose that have no work here
ARGUMENTS = {
    'AddCondition': {'jitter': 0.1},
    'GenerateTarget': {'encoder': CODEC},
    'TopdownAffine': {'input_size': (24, 32)},
    'Albumentation': {'transforms': [{'type': 'Blur', 'p': 0.5}, {'type': 'ToGray', 'p': 0.5}]},
}
IS_RANDOM = {name for name in OURS if 'rng' in TRANSFORMS.get(name).reads}


def build(name):
    if name == 'AddTeacherKeypoints':
        with TemporaryDirectory() as folder:
            return AddTeacherKeypoints(write_poses(Path(folder, 'poses.json'), ann_ids=[2]))
    if name == 'Albumentation':
        pytest.importorskip('albumentations')
    return TRANSFORMS.build({'type': name, **ARGUMENTS.get(name, {})})


@pytest.fixture
def sample(tmp_path, request):
    image = make_sample()['image']
    sample = make_sample(image_file=write_image(tmp_path, image))
    if request.node.callspec.params['name'] in CROPPED:
        sample['crop'] = CropWindow(sample['center'], sample['scale'], (24, 32))
        sample['image'] = sample['image'][:32, :24]
        sample['others_xywh'] = np.float32([[10, 10, 30, 40]])
    return sample


def only(sample, keys):
    return {key: copy.deepcopy(value) for key, value in sample.items() if key in keys}


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, np.random.Generator):
        return a.bit_generator.state == b.bit_generator.state
    if isinstance(a, transforms.affine.CropWindow):
        return np.array_equal(a.matrix(), b.matrix())
    return a is b or a == b


def test_the_table_is_complete():
    assert len(OURS) == 13
    assert {name for name in OURS if name.startswith('Random')} | {
        'AddCondition',
        'Albumentation',
        'RandomHalfBody',
        'PhotometricDistortion',
    } == IS_RANDOM
    assert len(SAMPLE_KEYS) <= 25
    assert {*FROM_DATASET, *FROM_ANNOTATION, *NOT_PACKED} <= SAMPLE_KEYS.keys()


@pytest.mark.parametrize('name', OURS)
def test_reads_and_writes_are_documented_keys(name):
    transform = build(name)
    assert set(transform.reads) <= SAMPLE_KEYS.keys()
    assert set(transform.writes) <= SAMPLE_KEYS.keys()
    kinds = {p.kind for p in inspect.signature(type(transform)).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize('name', OURS)
def test_reads_is_enough(name, sample):
    transform = build(name)
    for seed in range(20):
        part = only(sample, transform.reads)
        if 'rng' in part:
            part['rng'] = np.random.default_rng(seed)
        result = transform(part)
        assert result.keys() <= {*transform.reads, *transform.writes}


@pytest.mark.parametrize('name', OURS)
def test_writes_is_all_that_changes(name, sample):
    transform = build(name)
    changed = set()
    for seed in range(20):
        before = {**sample, 'rng': np.random.default_rng(seed)}
        for key in {'LoadImage': ['image'], 'GetBBoxCenterScale': ['scale', 'rotation']}.get(
            name, []
        ):
            del before[key]
        after = transform(copy.deepcopy(before))
        assert before.keys() <= after.keys()
        changed |= {k for k, v in after.items() if k not in before or not same(v, before[k])}
    changed -= {'rng'}
    assert changed <= set(transform.writes)
    assert bool(changed) != (name in IDLE), 'it does something'


@pytest.mark.parametrize('name', OURS)
def test_arrays_of_others_stay_as_they_are(name, sample):
    transform = build(name)
    for seed in range(20):
        part = {**copy.deepcopy(sample), 'rng': np.random.default_rng(seed)}
        arrays = {k: v for k, v in part.items() if isinstance(v, np.ndarray)}
        transform(part)
        for key, array in arrays.items():
            assert np.array_equal(array, sample[key]), f'{key} was changed in place'


@pytest.mark.parametrize('name', sorted(IS_RANDOM))
def test_the_generator_of_the_sample_decides(name, sample):
    transform = build(name)

    def run(seed):
        result = transform({**copy.deepcopy(sample), 'rng': np.random.default_rng(seed)})
        return [result.get(key) for key in transform.writes]

    def flat(values):
        return tuple(np.asarray(value).tobytes() for value in values)

    random.seed(0)
    first = [flat(run(seed)) for seed in range(12)]
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    torch.manual_seed(5)
    assert [flat(run(seed)) for seed in range(12)] == first
    assert len(set(first)) > 1, 'it is random'


@pytest.mark.parametrize('name', OURS)
def test_global_random_numbers_are_left_alone(name, sample):
    transform = build(name)
    states = (np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state())  # noqa: NPY002
    transform(sample)
    np.testing.assert_array_equal(np.random.get_state()[1], states[0])  # noqa: NPY002
    assert random.getstate() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


@pytest.mark.parametrize(
    ('name', 'arguments', 'message'),
    [
        ('RandomFlip', {'prob': 1.5}, 'RandomFlip: prob is 1.5, expected 0 to 1'),
        ('RandomShiftBboxCenter', {'prob': -1}, 'RandomShiftBboxCenter: prob is -1'),
        ('RandomHalfBody', {'upper_prioritized_prob': 2}, 'upper_prioritized_prob is 2'),
        ('RandomFlip', {'direction': 'vertical'}, "direction is 'vertical', but only 'horizontal'"),
        ('RandomBBoxTransform', {'scale_factor': 1.5}, 'scale_factor is 1.5'),
        ('RandomBBoxTransform', {'scale_factor': (1.5, 0.5)}, r'scale_factor is \(1.5, 0.5\)'),
        ('RandomBBoxTransform', {'rotate_prob': 40}, 'rotate_prob is 40'),
        ('RandomBBoxTransform', {'distribution': 'uniform'}, "distribution is 'uniform', expected"),
        (
            'RandomBBoxTransform',
            {'distribution': 'clipped_normal'},
            r'shift_prob is 0.3, .* set shift_prob=0 and put RandomShiftBboxCenter',
        ),
        ('GenerateTarget', {'encoder': CODEC, 'multilevel': True}, 'neither is supported'),
        ('TopdownAffine', {'input_size': (192, 0)}, r'input_size is \(192, 0\), expected'),
    ],
)
def test_bad_arguments(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build({'type': name, **arguments})
