"""A model that is told by masks or boxes whom it means: trained, tested and run by the commands."""

import json

from conftest import tool
from test_datasets import BODY, TINY


def test_conditioned_model_from_training_to_inference(tmp_path):
    root, run = tmp_path / 'data', tmp_path / 'run'
    tool(
        'make_toy_dataset',
        '--format',
        'crowdpose',
        '--out',
        root / 'crowdpose',
        '--num-train',
        6,
        '--num-val',
        4,
    )
    config = f'{BODY}/toy/ViTPose_tiny_toy_crowd_condition_128x96.py'
    options = ['--data-root', root, '--work-dir', run, '--cfg-options', *TINY]
    assert 'crowdpose/AP' in tool('train', config, '--seed', 0, *options).stdout
    checkpoint = run / (run / 'last_checkpoint').read_text()
    boxes = root / 'crowdpose/annotations/det_for_crowd_test_0.1_0.5.json'
    found = [root / 'crowdpose/images', '--model', run / 'config.py', checkpoint, '--det', boxes]
    out = ['--save-json', '--out', tmp_path / 'out', '--no-progress']
    tool('infer', *found, '--refine', 1, *out, fresh=True)
    results = json.loads((tmp_path / 'out/results.json').read_text())
    detected = [x for x in json.loads(boxes.read_text()) if x['score'] >= 0.3]
    assert 0 < len(results) <= len(detected)
