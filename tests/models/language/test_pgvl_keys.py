"""The published PGVL networks have these tensors, and their files say what they are."""

from pathlib import Path

import pytest
import torch
from pgvl_models import CONFIGS, build_without_memory, published_keys, published_name

from mmpose.checkpoint_tools.repository_configs import matching_configs
from mmpose.checkpoints.adapters.pgvl import parse_graph_options
from mmpose.checkpoints.adapters.vitpose import to_vitpose
from mmpose.checkpoints.convert import convert_state_dict
from mmpose.checkpoints.describe import describe_weights

FUSE = dict(variant='fuse', dims=(768, 512, 1024), dim=768)
OPTIONS = {
    'v1_crowdpose_B': dict(**FUSE, project_all=False),
    'v1_mpii_B': dict(**FUSE, project_all=True),
    'v2_ap10k_L_mode1': dict(variant='guided', dims=(512, 768), dim=768, mode=1),
    'v2_crowdpose_B_mode5': dict(variant='guided', dims=(512,), dim=512, mode=3),
    'v2_mpii_B_mode3': dict(variant='guided', dims=(512,), dim=512, mode=3),
    'v2_ochuman_B_mode3': dict(variant='guided', dims=(512,), dim=512, mode=3),
}
COUNTS = (903, 907, 1533, 867, 867, 867)  # tensors of each, as published


def published_state(name, graph='my'):
    """Returns the tensors of a published file, without memory."""
    return {
        f'{graph}{key[2:]}' if key.startswith('my.') else key: torch.empty(shape, device='meta')
        for key, shape in published_keys()[name].items()
    }


def test_lists_are_whole():
    assert tuple(len(published_keys()[name]) for name in CONFIGS) == COUNTS


@pytest.mark.parametrize('name', CONFIGS)
def test_names_and_shapes_are_the_published_ones(name):
    own = build_without_memory(name).state_dict()
    shapes = {published_name(key): tuple(x.shape) for key, x in own.items()}
    assert shapes == published_keys()[name]
    exported, _ = to_vitpose(own)
    assert set(exported) == set(shapes)


@pytest.mark.parametrize('graph', ['my', 'pgvl'])
@pytest.mark.parametrize('name', CONFIGS)
def test_files_are_recognised(name, graph):
    converted = convert_state_dict(published_state(name, graph))
    assert converted.format == 'pgvl'
    assert not converted.dropped
    assert set(converted.state) == set(build_without_memory(name).state_dict())
    options = parse_graph_options(converted.state)
    assert options == {**OPTIONS[name], 'groups': (2, 2, 2)}


def test_millions_of_parameters():
    """Published counts include what is never read, which are buffers here."""
    for name, expected in (('v2_crowdpose_B_mode5', 178.25), ('v2_ap10k_L_mode1', 529.67)):
        shapes = {
            key: x
            for key, x in build_without_memory(name).state_dict().items()
            if 'running_' not in key and 'num_batches' not in key
        }
        assert sum(x.numel() for x in shapes.values()) / 1e6 == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize('name', CONFIGS)
def test_config_of_a_file_is_found(name):
    """Of the configs with the same tensors, the one whose dataset the file's name has is first."""
    state = convert_state_dict(published_state(name)).state
    shape = describe_weights(state, is_pose=True)
    hint = Path(CONFIGS[name]).parent.name
    found = matching_configs(shape, hint)
    assert found[0] == f'configs/{CONFIGS[name]}'
    assert all('PGVL' in path for path in found)


def test_config_of_a_plain_file_has_no_language():
    state = convert_state_dict(published_state('v1_mpii_B')).state
    plain = {key: x for key, x in state.items() if key.startswith(('backbone.', 'head.'))}
    found = matching_configs(describe_weights(plain, is_pose=True), 'mpii')
    assert not any('PGVL' in match.path for match in found)
