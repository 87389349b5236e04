"""The code of docs/extending.md runs: modules outside the repository train and are tested."""

import re
import sys
from pathlib import Path

import pytest
import torch

from mmpose.apis.test import prepare_test, run_test
from mmpose.apis.train import prepare_training, run_training
from mmpose.config.load import load_config
from mmpose.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from tests.config.v1_configs import write_config
from toy_pose.folder import ToySpec
from toy_pose.generate import generate_toy_dataset

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/extending.md').read_text()
BOXES = """        bbox_file='data/coco/person_detection_results/'
        'COCO_val2017_detections_AP_H_56_person.json',
"""
SMALL = {
    'train_dataloader.batch_size': 2,
    'train_dataloader.num_workers': 0,
    'val_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
    'train_cfg.max_epochs': 1,
    'train_cfg.max_iters': 2,
    'default_hooks.preview': None,
    'default_hooks.bad_cases': None,
    'vis_backends': [{'type': 'LocalVisBackend'}],
    'visualizer.vis_backends': [{'type': 'LocalVisBackend'}],
}


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Folder with the files of the page and generated data."""
    folder = tmp_path_factory.mktemp('project')
    for name, code in re.findall(r'```python\n# (\w+\.py)\n(.*?)```', PAGE, flags=re.DOTALL):
        (folder / name).write_text(code.replace('{configs}', str(ROOT / 'configs')))
    generate_toy_dataset(folder / 'data/toy', ToySpec(num_train=4, num_val=3), workers=1)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for registry in (DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS):
        for name, kind in list(registry.module_dict.items()):
            if kind.__module__ == 'my_modules':
                del registry.module_dict[name]
    del sys.modules['my_modules']


@pytest.mark.parametrize('head', ['MyHead', 'OldHead'])
def test_modules_of_the_page_train_and_are_tested(project, tmp_path, head):
    options = {**SMALL, 'model.head.type': head}
    cfg = load_config(project / 'my_config.py', options, project / 'data')
    cfg.experiment_name = f'train_{head}'
    prepare_training(cfg, work_dir=str(tmp_path / 'w'), seed=1)
    runner = run_training(cfg)

    assert runner.iter == 2
    assert runner.model.dataset_meta.name == 'coco'
    cfg = load_config(project / 'my_config.py', options, project / 'data')
    cfg.experiment_name = f'test_{head}'
    checkpoint = max((tmp_path / 'w').glob('*.pth'))
    prepare_test(cfg, str(checkpoint), work_dir=str(tmp_path / 't'))
    metrics = run_test(cfg)
    assert metrics['mine/px'] > 0
    assert 'coco/AP' in metrics


def test_modules_of_the_page_in_a_config_of_mmpose(project, tmp_path):
    """Nothing of the modules is translated: their config reaches them as it is."""
    path = write_config(
        tmp_path,
        ("['mmpose.engine.optim_wrappers.layer_decay_optim_wrapper']", "['my_modules']"),
        ("dict(type='RandomHalfBody')", "dict(type='AddGaze')"),
        ("dataset_type = 'CocoDataset'", "dataset_type = 'MyDataset'"),
        ("'data/coco/'", "'data/toy/'"),
        (BOXES, ''),
        ("        type='HeatmapHead'", "        type='MyHead'"),
        ("loss=dict(type='KeypointMSELoss', use_target_weight=True)", "loss=dict(type='MyLoss')"),
        further="""
val_evaluator = [val_evaluator, dict(type='MeanError')]
test_evaluator = val_evaluator
custom_hooks = [dict(type='MyHook')]
model['backbone'] = dict(type='MyBackbone', channels=24)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
""",
    )
    cfg = load_config(path, {'train_cfg.max_iters': 2}, project / 'data')
    cfg.experiment_name = 'modules_of_1x'
    prepare_training(cfg, work_dir=str(tmp_path / 'w'), seed=1)
    runner = run_training(cfg)

    assert type(runner.model.head).__name__ == 'MyHead'
    assert type(runner.train_dataloader.dataset).__name__ == 'MyDataset'
    assert runner.iter == 2


def test_transform_of_the_page_draws_by_the_seed_of_the_sample(project):
    cfg = load_config(project / 'my_config.py', SMALL, project / 'data')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    first, again = dataset[0], dataset[0]

    assert (first['image'] == again['image']).all()
    assert torch.as_tensor(first['gaze']).equal(torch.as_tensor(again['gaze']))


@pytest.mark.parametrize(
    ('code', 'message'),
    [
        ('x = (1\n', r"custom_imports: 'broken0' does not import: .*broken0\.py, line 1: .*never"),
        ('\nimport nowhere\n', r"broken1\.py, line 2: ModuleNotFoundError: No module named 'nowh"),
        ('\n\n1 / 0\n', r'broken2\.py, line 3: ZeroDivisionError: division by zero'),
        (None, r"there is no module 'broken3' on the path; start with PYTHONPATH set to the"),
    ],
)
def test_the_cause_of_a_failing_import_is_told(project, request, code, message):
    name = f'broken{request.node.callspec.indices["code"]}'
    if code is not None:
        (project / f'{name}.py').write_text(code)
    config = project / f'{name}_config.py'
    config.write_text(
        (project / 'my_config.py').read_text().replace("['my_modules']", f"['{name}']")
    )
    with pytest.raises(ValueError, match=message):
        load_config(config)
