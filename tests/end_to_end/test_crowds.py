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
    tool('train', config, '--seed', 0, *options)
    checkpoint = run / (run / 'last_checkpoint').read_text()
    assert 'crowdpose/AP' in tool('test', config, checkpoint, *options).stdout
    boxes = root / 'crowdpose/annotations/det_for_crowd_test_0.1_0.5.json'
    arguments = [
        root / 'crowdpose/images',
        '--model',
        run / 'config.py',
        checkpoint,
        '--det',
        boxes,
    ]
    found = []
    for refine in ([], ['--refine', 1]):
        out = tmp_path / f'out{len(refine)}'
        tool('infer', *arguments, *refine, '--save-json', '--out', out, '--no-progress')
        found.append(json.loads((out / 'results.json').read_text()))
    first, refined = found
    assert first
    assert 0 < len(refined) <= len(first)
