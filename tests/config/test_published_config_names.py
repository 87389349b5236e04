"""The names of VLPose's README lead to our configs, on every command."""

from pathlib import Path

import pytest

from mmpose.apis import load_config
from mmpose.config.load import SIZES, published_config

ROOT = Path(__file__).parents[2]
OURS = 'configs/_ours_'
HEAD = 'first_amiddle_last_add_concat_attn_blip-B'
TOKENS = {'S': 50, 'B': 20, 'L': 10, 'H': 5}


@pytest.mark.parametrize('size', SIZES)
def test_names_of_human_art(size):
    num = TOKENS[size]
    for tuning in (f'sp{num}', f'dp{num}', 'll', 'ff'):
        name = ROOT / OURS / f'humanart/pretrain/cvl/{HEAD}_kw1_vit-{size}_{tuning}.py'
        cfg = load_config(name)
        assert Path(cfg.filename).name == f'VLPose_{SIZES[size]}_humanart_256x192_{tuning}.py'
        assert cfg.model.type == 'VLPoseEstimator'
        assert cfg.model.backbone.tuning + str(cfg.model.backbone.get('num_tokens', '')) == tuning


@pytest.mark.parametrize('size', SIZES)
def test_names_of_coco(size):
    # the README says pretrain where the repository says scratch
    for folder in ('scratch', 'pretrain'):
        path = published_config(f'{OURS}/coco/{folder}/cvl/{HEAD}_kw-1_vit-{size}.py')
        assert path.name == f'VLPose_{SIZES[size]}_coco_256x192.py'
        assert (ROOT / path).is_file() == path.is_file()
    plain = published_config(ROOT / OURS / f'coco/scratch/v/ViT-{size}.py')
    assert plain.name == f'ViTPose_{SIZES[size]}_coco_256x192.py'


def test_other_paths_stay():
    assert published_config('configs/x/a.py') == Path('configs/x/a.py')


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
