"""The loop by its commands: training on labels and pseudo-labels, labels of that model, a pick."""

import json

import numpy as np
from conftest import losses, tool, train_options


def test_loop(toy, tmp_path):
    content = json.loads((toy / 'annotations/person_keypoints_val2017.json').read_text())
    for annotation in content['annotations']:
        visible = np.array(annotation['keypoints'])[2::3] > 0
        annotation['keypoint_confidence'] = np.where(visible, 0.75, 0.0).tolist()
    (tmp_path / 'pseudo.json').write_text(json.dumps(content))
    options = train_options(toy, 'train_cfg.max_epochs=1')
    pseudo = ['--pseudo-labels', tmp_path / 'pseudo.json', toy / 'val2017', '--no-validate']
    tool('train', *options, '--work-dir', tmp_path / 'run', *pseudo)
    assert all(np.isfinite(list(losses(tmp_path / 'run').values())))
    config = next((tmp_path / 'run').glob('*.py')).read_text()
    assert 'CombinedDataset' in config
    assert str(tmp_path / 'pseudo.json') in config

    images = [str(path) for path in sorted((toy / 'val2017').iterdir())[:4]]
    boxes = ['--det', toy / 'annotations/person_keypoints_val2017.json']
    model = ['--model', tmp_path / 'run', *boxes]
    done = tool('pseudo_label', *images, *model, '--out', tmp_path / 'l.json', check=False,
                fresh=True)  # fmt: skip
    assert done.returncode == 1
    assert 'error: no pseudo-label: of ' in done.stdout
    assert not (tmp_path / 'l.json').exists()
    out = tmp_path / 'picked'
    pick = [*images, *model, '--model2', tmp_path / 'run', '--num', 2, '--out', out]
    tool('pick_images', *pick, '--to', 'cvat', '--kpt-thr', '-1', fresh=True)
    assert (out / 'annotations.xml').read_text().count('<image ') == 2
    assert len(list((out / 'images').iterdir())) == 2
