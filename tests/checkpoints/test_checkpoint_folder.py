"""Checkpoints that are folders, and files that are none."""

import hashlib
import json

import pytest
import torch

from mmpose.checkpoints import extract_state_dict, read_checkpoint
from mmpose.checkpoints.io import checkpoint_sha256

safetensors = pytest.importorskip('safetensors.torch', reason='safetensors is not installed')


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_shards(folder, suffix='.safetensors'):
    for i in range(2):
        part = folder / f'model-{i}{suffix}'
        if suffix == '.bin':
            torch.save({f'w{i}': torch.full((2,), i)}, part)
        else:
            safetensors.save_file({f'w{i}': torch.full((2,), i)}, part)
    stem = 'pytorch_model.bin' if suffix == '.bin' else 'model.safetensors'
    index = {'weight_map': {f'w{i}': f'model-{i}{suffix}' for i in range(2)}}
    (folder / f'{stem}.index.json').write_text(json.dumps(index))


@pytest.mark.parametrize('suffix', ['.safetensors', '.bin'])
def test_parts_of_hugging_face_are_joined(tmp_path, suffix):
    write_shards(tmp_path, suffix)
    (tmp_path / 'config.json').write_text('{"model_type": "vitpose"}')

    content = read_checkpoint(tmp_path)

    assert {k: x.tolist() for k, x in content['state_dict'].items()} == {'w0': [0, 0], 'w1': [1, 1]}
    assert content['huggingface_config'] == {'model_type': 'vitpose'}
    lines = '\n'.join(sha256(tmp_path / f'model-{i}{suffix}') for i in range(2))
    assert checkpoint_sha256(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_one_file_of_hugging_face(tmp_path):
    safetensors.save_file({'w': torch.zeros(1)}, tmp_path / 'model.safetensors')
    assert read_checkpoint(tmp_path)['state_dict'].keys() == {'w'}
    assert checkpoint_sha256(tmp_path) == sha256(tmp_path / 'model.safetensors')


def test_missing_part(tmp_path):
    write_shards(tmp_path)
    (tmp_path / 'model-1.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match=r"names 2 parts, of which 'model-1\.safetensors'"):
        read_checkpoint(tmp_path)


def test_index_cannot_lead_out_of_the_folder(tmp_path):
    outside = tmp_path / 'outside.safetensors'
    safetensors.save_file({'w': torch.zeros(1)}, outside)
    folder = tmp_path / 'folder'
    folder.mkdir()
    index = {'weight_map': {'w': '../outside.safetensors'}}
    (folder / 'model.safetensors.index.json').write_text(json.dumps(index))
    with pytest.raises(FileNotFoundError, match='are missing in the folder'):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('config.json', '{', r"config\.json' is no JSON file"),
        ('config.json', '[1]', 'holds a list, expected a JSON object'),
        ('model.safetensors.index.json', '{}', "has no 'weight_map'"),
    ],
)
def test_damaged_text(tmp_path, name, text, message):
    if name == 'config.json':
        safetensors.save_file({'w': torch.zeros(1)}, tmp_path / 'model.safetensors')
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path)


def write_deepspeed(folder, num_ranks=1, tensor=None):
    step = folder / 'global_step10'
    step.mkdir(parents=True)
    (folder / 'latest').write_text('global_step10')
    weights = {'module.w': torch.ones(1) if tensor is None else tensor}
    for rank in range(num_ranks):
        content = {'module': weights, 'optimizer': None, 'global_steps': 10}
        torch.save(content, step / f'mp_rank_{rank:02}_model_states.pt')
    return step


@pytest.mark.parametrize('is_inner', [False, True])
def test_folder_of_deepspeed(tmp_path, is_inner):
    step = write_deepspeed(tmp_path)
    content = read_checkpoint(step if is_inner else tmp_path)
    assert extract_state_dict(content) == {'w': torch.ones(1)}


def test_slices_of_deepspeed_have_to_be_joined_first(tmp_path):
    write_deepspeed(tmp_path / 'slices', num_ranks=2)
    with pytest.raises(ValueError, match=r'the 2 slices of a model.*zero_to_fp32\.py'):
        read_checkpoint(tmp_path / 'slices')

    write_deepspeed(tmp_path / 'zero', tensor=torch.empty(0))
    with pytest.raises(ValueError, match=r'ZeRO stage 3.*zero_to_fp32\.py'):
        extract_state_dict(read_checkpoint(tmp_path / 'zero'))
