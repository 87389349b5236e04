"""Teachers of a student: what they teach, to whom, and that the student stays plain."""

import copy
import re
from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from multi_head_model import make_batch, make_single

from mmpose.backends.teacher import attach_teacher
from mmpose.config.check import check_config
from mmpose.config.load import load_config
from mmpose.metainfo import load_metainfo
from mmpose.metainfo.keypoint_names import places_of
from mmpose.models.distillation import NetworkTeacher, PoseTeacher, pairwise_token_loss
from mmpose.registry import MODELS

INPUTS = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
SIZES = dict(input_size=(48, 64), heatmap_size=(12, 16), blur_kernel_size=3)
WIDE = dict(type='ViT', img_size=(64, 48), embed_dim=24, depth=1, num_heads=2)


def codec(kind='UDPHeatmap', factor=1, sigma=2, **options):
    sizes = dict(input_size=(48 * factor, 64 * factor), heatmap_size=(12 * factor, 16 * factor))
    return dict(type=kind, **sizes, sigma=sigma, **options)


def make_wide(index=0, decoder=None, img_size=(64, 48), head=None, **options):
    """A model of another width, also of another codec."""
    common = dict(
        type='HeatmapHead',
        in_channels=24,
        out_channels=(17, 14, 14)[index],
        decoder=decoder or codec(),
        deconv_out_channels=(8, 8),
        deconv_kernel_sizes=(4, 4),
    )
    skeleton = ('coco', 'aic', 'crowdpose')[index]
    backbone = WIDE | dict(img_size=img_size)
    head = common | (head or {})
    return make_single(0, backbone=backbone, head=head, metainfo=skeleton, **options)


def make_student(**options):
    return make_single(0, teacher=dict(config='unused'), **options)


def taught(teacher, student, **weights):
    student.teacher = NetworkTeacher(teacher, student, **weights)
    return student


def test_losses_are_those_of_the_formulas():
    student = taught(make_wide(), make_student(), loss_weight=0.7, token_weight=0.3).eval()
    batch = make_batch([0, 0])
    losses = student(INPUTS, batch, mode='loss')
    plain = make_single(0).eval()(INPUTS, batch, mode='loss')
    assert set(losses) == {*plain, 'loss_teacher', 'loss_token'}
    torch.testing.assert_close(losses['loss_heatmap'], plain['loss_heatmap'])

    teacher = student.teacher.model
    ours, theirs = (model(INPUTS).detach().double().numpy() for model in (student, teacher))
    expected = 0.7 * ((ours - theirs) ** 2).mean()
    np.testing.assert_allclose(losses['loss_teacher'].item(), expected, rtol=1e-5)

    cosines = []
    for model in (student, teacher):
        maps = model.extract_feat(INPUTS).detach().double().numpy()
        cells = maps.reshape(2, maps.shape[1], -1)
        one = np.zeros((2, cells.shape[2], cells.shape[2]))
        for b, i, j in product(range(2), range(cells.shape[2]), range(cells.shape[2])):
            u, v = cells[b, :, i], cells[b, :, j]
            one[b, i, j] = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
        cosines.append(one)
    expected = 0.3 * ((cosines[0] - cosines[1]) ** 2).mean()
    np.testing.assert_allclose(losses['loss_token'].item(), expected, rtol=1e-4)


def test_a_student_learns_from_the_teacher_alone():
    """Without a labelled keypoint the heatmaps come to be those of the teacher."""
    student = taught(make_wide(), make_student(), loss_weight=100.0, token_weight=0.01).train()
    before = copy.deepcopy(student.teacher.model.state_dict())
    batch = make_batch([0, 0])
    batch['keypoints_visible'] = torch.zeros_like(batch['keypoints_visible'])
    optimizer = torch.optim.Adam(student.parameters(), 3e-3)
    found = []
    for _ in range(30):
        losses = student(INPUTS, batch, mode='loss')
        loss = losses['loss_heatmap'] + losses['loss_teacher'] + losses['loss_token']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(losses['loss_teacher'].item())
    assert found[-1] < 0.3 * found[0]
    for name, tensor in student.teacher.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name  # batch statistics too


def test_the_student_is_a_plain_model():
    plain, student = make_single(0), taught(make_wide(), make_student())
    assert list(student.state_dict()) == list(plain.state_dict())
    assert [n for n, _ in student.named_parameters()] == [n for n, _ in plain.named_parameters()]
    assert len(list(student.modules())) == len(list(plain.modules()))
    assert copy.deepcopy(student).teacher is student.teacher  # not copied for averaged weights
    student.train()
    assert not student.teacher.model.training
    assert not any(p.requires_grad for p in student.teacher.model.parameters())


def test_keypoints_are_taken_by_name():
    student = taught(make_wide(2), make_wide(1))
    targets, _ = student.teacher.teach(INPUTS, make_batch([0, 0]), None)
    maps = student.teacher.model(INPUTS)
    names = load_metainfo('crowdpose').keypoint_names
    rows = [names.index(name) for name in student.dataset_meta.keypoint_names[:12]]
    rows += [names.index('top_head'), names.index('neck')]  # head_top and neck
    assert rows != list(range(14))
    torch.testing.assert_close(targets['teacher_heatmaps'], maps[:, rows])
    names = ['l_eye', 'nose', 'eye_R']
    assert places_of(names, ['nose', 'right_eye', 'left_eye'], 'it') == [2, 0, 1]


def test_a_teacher_of_another_size_sees_the_same_crop_and_answers_on_the_same_cells():
    large = make_wide(decoder=codec(factor=4, sigma=4), img_size=(256, 192))
    student = taught(large, make_wide(decoder=codec(factor=2), img_size=(128, 96)))
    points = torch.rand(2, 17, 2, generator=torch.Generator().manual_seed(2))
    points = points * torch.tensor([47.0, 79.0]) + 24  # px of the student's crop, off the border
    theirs = large.head.decoder
    maps, _ = theirs.encode(points * torch.tensor([191 / 95, 255 / 127]), torch.ones(2, 17))
    sizes = []
    large.extract_feat = lambda crops, condition: sizes.append(crops.shape)
    large.head.forward = lambda feats: maps
    inputs = torch.zeros(2, 3, 128, 96)
    targets, _ = student.teacher.teach(inputs, make_batch([0, 0]), None)
    found, _ = student.head.decoder.decode(targets['teacher_heatmaps'])
    assert sizes == [(2, 3, 256, 192)]
    assert (found - points).abs().max() < 0.1  # px; the maps are interpolated


def test_poses_of_a_file_are_drawn_and_weighted_by_their_scores():
    student = make_student()
    student.teacher = PoseTeacher(student, loss_weight=0.5)
    batch = make_batch([0, 0])
    scores = torch.linspace(0, 1.2, 34).view(2, 17, 1)
    batch['teacher_keypoints'] = torch.cat([batch['keypoints'], scores], -1)
    targets, further = student.teacher.teach(INPUTS, batch, None)
    drawn, shown = student.head.decoder.encode(batch['keypoints'], (scores[..., 0] > 0).float())
    assert further == {}
    torch.testing.assert_close(targets['teacher_heatmaps'], drawn)
    torch.testing.assert_close(
        targets['teacher_weights'], 0.5 * scores[..., 0].clamp(max=1) * shown
    )
    losses = student.eval()(INPUTS, batch, mode='loss')
    error = (student(INPUTS) - drawn).square().mean((-2, -1)) * targets['teacher_weights']
    torch.testing.assert_close(losses['loss_teacher'], error.mean())


@pytest.mark.parametrize(
    ('teacher', 'student', 'message'),
    [
        (lambda: make_wide(1), make_student, "skeleton 'aic' has no nose, left_eye"),
        (
            lambda: make_wide(decoder=codec('MSRAHeatmap')),
            make_student,
            r'teacher \(48x64 px, MSRAHeatmap.* student \(.*UDPHeatmap.*teacher=dict\(predictions=',
        ),
        (lambda: make_wide(decoder=codec(sigma=3)), make_student, r'sigma 0\.250.*sigma 0\.167'),
        (
            lambda: make_wide(decoder=codec('MSRAHeatmap', 2, 4), img_size=(128, 96)),
            lambda: make_wide(decoder=codec('MSRAHeatmap')),
            '96x128 px.*48x64 px',
        ),
        (
            lambda: make_wide(data_preprocessor=dict(type='PoseDataPreprocessor', std=[1, 1, 1])),
            make_student,
            'std 1, 1, 1.*std 58.395',
        ),
        (
            make_wide,
            lambda: make_wide(
                decoder=dict(type='UDPCombinedHeatmap', **SIZES),
                head=dict(out_channels=51, loss=dict(type='CombinedTargetMSELoss')),
            ),
            'HeatmapHead with UDPCombinedHeatmap; take UDPHeatmap',
        ),
    ],
)
def test_teachers_that_do_not_fit_are_refused(teacher, student, message):
    with pytest.raises(ValueError, match=message):
        NetworkTeacher(teacher(), student())


def test_a_teacher_that_was_not_loaded_is_no_silent_one():
    with pytest.raises(ValueError, match=r'model.teacher is set but not loaded.*attach_teacher'):
        make_student()(INPUTS, make_batch([0, 0]), mode='loss')
    for options, error, message in (
        (dict(config='ViTPose_tiny_toy_128x96'), ValueError, "'ViT.*' has no weights; set model"),
        (dict(config='nowhere'), ValueError, "no file and no model 'nowhere'"),
        (dict(config='.'), FileNotFoundError, "the folder '.' has no config.py"),
    ):
        with pytest.raises(error, match=f'^model.teacher: .*{message}'):
            attach_teacher(SimpleNamespace(bare_model=make_student(), cfg={}), options)


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        (dict(teacher=dict(config='a', predictions='b')), 'needs one of config'),
        (dict(teacher=dict(checkpoint='a')), 'needs one of config'),
        (dict(teacher='a'), r"teacher is 'a'; expected a dict such as dict\(config='a'\)"),
        (dict(teacher=dict(config='a', weight=1)), r'has weight, expected checkpoint, config'),
        (dict(teacher=dict(predictions='b', token_weight=1)), 'token_weight has no meaning'),
        (dict(teacher=dict(config='b', metainfo='coco')), 'metainfo has no meaning without pred'),
        (dict(teacher=dict(config='b', loss_weight=-1)), 'loss_weight is -1; expected'),
        (
            dict(type='MultiHeadPoseEstimator', teacher=dict(config='a')),
            'MultiHeadPoseEstimator learns from none',
        ),
        (dict(type='PGVLPoseEstimator', teacher=dict(config='a')), 'PGVLPoseEstimator learns from'),
    ],
)
def test_contradictions_in_a_config_are_named(model, message):
    (problem,) = check_config({'model': dict(type='TopdownPoseEstimator') | model})
    assert re.search(message, problem)


def test_good_configs_have_no_problem():
    for teacher in (dict(config='a', token_weight=0.1), dict(predictions='a', metainfo='coco')):
        model = dict(type='TopdownPoseEstimator', teacher=teacher)
        assert check_config({'model': model}) == []


def test_features_of_different_grids_are_compared_on_the_coarser_one():
    fine = torch.randn(1, 5, 8, 6, generator=torch.Generator().manual_seed(0))
    coarse = torch.nn.functional.avg_pool2d(fine, 2)
    assert pairwise_token_loss(fine, 3 * coarse, (8, 6)).item() < 1e-10
    assert pairwise_token_loss(fine, fine.flip(-1), (8, 6)).item() > 1e-3
    assert pairwise_token_loss(fine, fine.flip(-1), (1, 1)).item() < 1e-10


def test_vitpose_teaches_the_next_smaller_one_on_coco():
    """The commands of docs/distillation.md, with one block each and random weights."""
    tiny = {'model.backbone.embed_dim': 192, 'model.head.in_channels': 192}
    sizes = [('base', {}), ('small', {'model.teacher.config': 'vitpose-b'})]
    sizes += [('small', tiny | {'model.teacher.config': 'work_dirs/small'})]
    models = []
    for size, options in sizes:
        options = {'model.backbone.depth': 1, **options}
        cfg = load_config(f'ViTPose_{size}_coco_256x192', options)
        models.append(MODELS.build(cfg.model))
    for teacher, student in pairwise(models):
        taught(teacher, student, token_weight=0.01)
        batch = make_batch([0])
        losses = student(torch.zeros(1, 3, 256, 192), batch, mode='loss')
        assert losses['loss_token'] > 0
        assert losses['loss_teacher'] > 0
