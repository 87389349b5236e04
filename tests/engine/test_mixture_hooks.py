"""Hooks draw each sample of a mixed batch with its own skeleton, and know the main figure."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmpose.codecs import UDPHeatmap
from mmpose.datasets.transforms import LoadImage
from mmpose.engine import CheckpointHook
from mmpose.engine.bad_cases import tables_of
from mmpose.engine.hooks import drawing_hook, preview_hook
from mmpose.engine.hooks.bad_case_hook import write_cases
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.evaluation.metrics import PerDatasetMetric, primary_metric
from mmpose.metainfo import load_metainfo
from mmpose.models.heads import PoseHead
from mmpose.structures import PoseResult
from tests.datasets import image_storage

NAMES = ('coco', 'aic', 'wholebody')
METAS = [load_metainfo(name) for name in ('coco', 'aic', 'coco_wholebody')]
SIZE_WH, MAP_WH = (48, 64), (12, 16)


class Head(PoseHead):
    """Gives the heatmaps of fixed keypoints."""

    def __init__(self, meta):
        super().__init__()
        self.decoder = UDPHeatmap(SIZE_WH, MAP_WH, sigma=1)
        self.num = meta.num_keypoints

    def forward(self, features):
        points = torch.full((len(features), self.num, 2), 20.0)
        return self.decoder.encode(points, torch.ones(len(features), self.num))[0]

    def decode(self, output):
        assert output.shape[1] == self.num
        return self.decoder.decode(output)

    def draw_targets(self, keypoints, keypoints_visible):
        return self.decoder.encode(keypoints, keypoints_visible)[0]

    loss = average_flipped = None


class Model(torch.nn.Module):
    """As much of a multi-head estimator as the hooks ask for."""

    def __init__(self):
        super().__init__()
        self.heads = torch.nn.ModuleList(Head(meta) for meta in METAS)
        self.metas, self.names = METAS, list(NAMES)
        self.asked = None

    def data_preprocessor(self, data):
        return {'inputs': data['inputs'].float(), 'batch': data['batch']}

    def extract_feat(self, inputs, dataset_idx):
        self.asked = dataset_idx.tolist()
        return inputs


def mixed_batch(indices):
    num = [METAS[i].num_keypoints for i in indices]
    keypoints_visible = torch.zeros(len(indices), max(num))
    for row, count in zip(keypoints_visible, num, strict=True):
        row[:count] = 1
    return {
        'inputs': torch.zeros(len(indices), 3, SIZE_WH[1], SIZE_WH[0], dtype=torch.uint8),
        'batch': {
            'keypoints': torch.full((*keypoints_visible.shape, 2), 20.0),
            'keypoints_visible': keypoints_visible,
            'dataset_idx': torch.tensor(indices),
        },
    }


def test_preview_draws_each_dataset_with_its_skeleton(monkeypatch):
    drawn = []
    plain = preview_hook.training_preview

    def note(inputs, keypoints, *rest, **options):
        drawn.append((options['dataset_meta'].name, np.shape(keypoints)))
        return plain(inputs, keypoints, *rest, **options)

    monkeypatch.setattr(preview_hook, 'training_preview', note)
    model = Model().train()
    picture = preview_hook.preview(model, mixed_batch([2, 0, 0, 2, 1]), max_samples=4)
    whole, body = ('coco_wholebody', (1, 133, 2)), ('coco', (1, 17, 2))
    assert drawn == [whole, body, body, whole], 'the first four, in the order of the batch'
    assert model.asked == [2, 0, 0, 2]
    assert model.training
    assert picture.ndim == 3
    assert picture.std() > 0


def pose(index, file):
    num = METAS[index].num_keypoints
    points = np.random.default_rng(index).uniform(5, 60, (num, 2)).astype(np.float32)
    box = np.array([2, 2, 60, 60], np.float32)
    return PoseResult(1, 1, 1, points, np.ones(num, np.float32), box, 1.0, 1.0, file, index)


def test_results_are_drawn_per_dataset(tmp_path):
    for name in ('a.png', 'b.png'):
        cv2.imwrite(str(tmp_path / name), np.zeros((70, 70, 3), np.uint8))
    a, b = str(tmp_path / 'a.png'), str(tmp_path / 'b.png')
    runner = SimpleNamespace(bare_model=Model(), test_dataloader=loader_of(tmp_path))
    hook = drawing_hook.ResultDrawingHook(str(tmp_path / 'out'), max_images=1)
    # COCO and COCO-WholeBody have the same images
    hook.after_test_iter(runner, 0, None, [pose(0, a), pose(2, a), pose(1, b), pose(0, b)])
    hook.after_test_iter(runner, 1, None, [pose(0, a), pose(1, a)])
    out = tmp_path / 'out'
    found = sorted(str(path.relative_to(out)) for path in out.rglob('*.png'))
    assert found == ['aic/b.png', 'coco/a.png', 'wholebody/a.png'], 'one image per dataset'
    pictures = [cv2.imread(str(out / name)) for name in found]
    assert all(picture.any() for picture in pictures)
    assert (pictures[1] != pictures[2]).any()


def test_results_of_one_dataset_stay_in_one_folder(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((70, 70, 3), np.uint8))
    model = SimpleNamespace(dataset_meta=METAS[1])
    runner = SimpleNamespace(bare_model=model, test_dataloader=loader_of(tmp_path))
    result = replace(pose(1, str(tmp_path / 'a.png')), dataset_idx=5)
    drawing_hook.ResultDrawingHook(str(tmp_path / 'out')).after_test_iter(runner, 0, None, [result])
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['a.png']


def test_images_of_other_storage_are_drawn(tmp_path):
    (tmp_path / 'photos').mkdir()
    cv2.imwrite(str(tmp_path / 'photos/a.png'), np.zeros((70, 70, 3), np.uint8))
    backend = image_storage.turn(tmp_path / 'photos', tmp_path / 'stored', 'bucket')
    loader = LoadImage(backend_args=backend)
    dataset = SimpleNamespace(image_folder='bucket', pipeline=SimpleNamespace(transforms=[loader]))
    runner = SimpleNamespace(
        bare_model=SimpleNamespace(dataset_meta=METAS[1]),
        test_dataloader=SimpleNamespace(dataset=dataset),
    )
    result = pose(1, 'bucket/a.png')
    drawing_hook.ResultDrawingHook(str(tmp_path / 'out')).after_test_iter(runner, 0, None, [result])
    assert cv2.imread(str(tmp_path / 'out/a.png')).any()
    num = METAS[1].num_keypoints
    truth = KeypointGroundTruth(
        **dict.fromkeys(('image_ids', 'category_ids', 'ann_id', 'image_id'), np.array([1])),
        **dict.fromkeys(('category_id', 'num_labelled'), np.array([1])),
        keypoints=result.keypoints[None].astype(float),
        keypoints_visible=np.ones((1, num), np.bool_),
        area=np.array([3600.0]),
        bbox_xywh=result.bbox_xywh[None].astype(float),
        iscrowd=np.zeros(1, np.bool_),
    )
    dataset.ground_truth, dataset.dataset_meta = lambda: truth, METAS[1]
    (table,) = tables_of(dataset, 'auto')
    write_cases(table.compare([result]), table, tmp_path / 'cases')
    assert cv2.imread(str(tmp_path / 'cases/worst_001.jpg')).any()


def loader_of(folder):
    return SimpleNamespace(dataset=SimpleNamespace(image_folder=str(folder)))


def test_drawn_pictures_share_no_name_and_replace_no_photo(tmp_path):
    names = ['x/1.png', 'y/1.png', '1.png', '1.jpg']
    for name in names:
        (tmp_path / 'photos' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / 'photos' / name), np.zeros((70, 70, 3), np.uint8))
    model = SimpleNamespace(dataset_meta=METAS[1])
    runner = SimpleNamespace(bare_model=model, test_dataloader=loader_of(tmp_path / 'photos'))
    results = [replace(pose(1, str(tmp_path / 'photos' / name)), dataset_idx=0) for name in names]
    for _ in range(2):  # a second run replaces what the first has made
        hook = drawing_hook.ResultDrawingHook(str(tmp_path / 'out'))
        hook.after_test_iter(runner, 0, None, results)
        hook.after_test_epoch(runner)
    assert all((tmp_path / 'out' / name).is_file() for name in names)
    with pytest.raises(FileExistsError, match='is an input'):
        drawing_hook.ResultDrawingHook(str(tmp_path / 'photos')).after_test_iter(
            runner, 0, None, results
        )


@pytest.mark.parametrize(
    ('names', 'keys', 'expected'),
    [
        (['mpii', 'coco'], ['mpii/Head PCK', 'mpii/PCK', 'coco/AP'], 'mpii/PCK'),
        (['coco', 'mpii'], ['coco/AP', 'coco/AR', 'mpii/PCK'], 'coco/AP'),
        (['hand', 'coco'], ['coco/AR', 'coco/AP'], 'coco/AP'),  # the first is not evaluated
    ],
)
def test_best_checkpoint_follows_the_first_dataset(names, keys, expected, monkeypatch):
    metric = PerDatasetMetric([[] for _ in names], names)
    runner = SimpleNamespace(
        val_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[metric])), epoch=3, rank=0
    )
    saved = []
    monkeypatch.setattr(
        CheckpointHook, '_save', lambda self, runner, name, epoch: saved.append(name)
    )
    hook = CheckpointHook(save_best='auto')
    hook.after_val_epoch(runner, dict.fromkeys(keys, 0.5))
    assert saved == [f'best_{expected.replace("/", "_")}_epoch_3.pth']


def test_primary_metric_of_one_dataset():
    keys = ['PCK', 'AUC', 'EPE']
    assert primary_metric(keys) == 'AUC'
    assert primary_metric(['x/y']) == 'x/y'
