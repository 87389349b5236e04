"""The names of VLPose's README lead to our configs, on every command."""

from pathlib import Path

import pytest

from mmpose.apis import load_config
from mmpose.config.names import SIZES, config_names, find_config

ROOT = Path(__file__).parents[2]
OURS = 'configs/_ours_'
HEAD = 'first_amiddle_last_add_concat_attn_blip-B'
TOKENS = {'S': 50, 'B': 20, 'L': 10, 'H': 5}  # size: prompt tokens


@pytest.mark.parametrize('size', TOKENS)
def test_names_of_human_art(size):
    num = TOKENS[size]
    for tuning in (f'sp{num}', f'dp{num}', 'll', 'ff'):
        name = ROOT / OURS / f'humanart/pretrain/cvl/{HEAD}_kw1_vit-{size}_{tuning}.py'
        cfg = load_config(name)
        assert (
            Path(cfg.filename).name == f'VLPose_{SIZES[size.lower()]}_humanart_256x192_{tuning}.py'
        )
        assert cfg.model.type == 'VLPoseEstimator'
        assert cfg.model.backbone.tuning + str(cfg.model.backbone.get('num_tokens', '')) == tuning


@pytest.mark.parametrize('size', TOKENS)
def test_names_of_coco(size):
    # the README says pretrain where the repository says scratch
    for folder in ('scratch', 'pretrain'):
        path = find_config(f'{OURS}/coco/{folder}/cvl/{HEAD}_kw-1_vit-{size}.py')
        assert path.name == f'VLPose_{SIZES[size.lower()]}_coco_256x192.py'
        assert (ROOT / path).is_file() == path.is_file()
    plain = find_config(ROOT / OURS / f'coco/scratch/v/ViT-{size}.py')
    assert plain.name == f'ViTPose_{SIZES[size.lower()]}_coco_256x192.py'


@pytest.mark.parametrize('folder', [ROOT, Path('/')], ids=['checkout', 'elsewhere'])
def test_configs_by_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    leaf = 'body/2d_kpt_sview_rgb_img/topdown_heatmap/coco/ViTPose_base_coco_256x192.py'
    for name in ('vitpose-b', 'ViTPose_base', 'ViTPose_base_coco_256x192', f'configs/{leaf}'):
        assert find_config(name).resolve() == ROOT / 'configs' / leaf
    assert find_config('vitpose_BASE_coco_256x192.py').stem == 'ViTPose_base_coco_256x192'


def test_a_name_of_nothing_is_told_the_nearest():
    with pytest.raises(FileNotFoundError, match='does not exist; did you mean vitpose-b'):
        find_config('vitpose-bb')
    with pytest.raises(FileNotFoundError, match=r'config file configs/x/qq\.py does not exist$'):
        find_config('configs/x/qq.py')


def test_every_config_has_its_name():
    stems = [Path(name).stem.lower() for name in config_names()]
    assert len(set(stems)) == len(stems) > 80


UNKNOWN = [
    'coco/scratch/cvl/vit-B.py',  # a fragment that cannot be run there either
    'coco/scratch/coco.py',
    f'humanart/pretrain/cvl/{HEAD}_kw1_vit-B_sp50.py',
    f'humanart/pretrain/cvl/{HEAD}_kw1_vit-G_sp50.py',
]


@pytest.mark.parametrize('name', UNKNOWN)
def test_unknown_names_are_refused(name):
    with pytest.raises(FileNotFoundError, match=r'no config of VLPose that can be run; docs/'):
        load_config(ROOT / OURS / name)
