"""Numbers of the published PGVL code, with weights and images that follow from names and indices.

The reference is the original code in float32 on a CPU. Aggregates are compared to 1e-4 relative;
single values of random networks, which lie near zero, to 1e-4 of the largest value.
"""

from itertools import chain

import pytest
import torch
from pgvl_models import build_without_memory, fill, image, published_name

from mmpose.models.language.tokenizer import CLIP_WORDS, END, START

# network: tensor: mean, std, largest, the first five, the last
GOLDEN = {
    'v2_crowdpose_B_mode5': {
        'backbone': (-6.68356715e-4, 1.00031418, 4.27352190,
                     (-0.185655, -1.16139, -0.429622, -1.51182, 0.50473), 1.1261),
        'text_encoder': (-5.07520226e-3, 0.659236116, 2.4095645,
                         (0.503595, 0.1121, 0.795377, -0.319257, 0.817066), 0.76224),
        'prompt_encoder': (-1.58021534e-3, 0.999013188, 3.22966743,
                           (-0.298974, 0.00694628, -0.306711, -0.545034, 0.336164), 0.890719),
        't_res': (2.84869544e-2, 1.48295571, 4.19150639,
                  (-1.14966, -0.47384, -0.380214, 0.448035, -1.87094), 3.56672),
        'v_res': (-2.41562465e-2, 1.22305936, 6.22642851,
                  (0.981263, 0.884398, -0.731008, -0.180279, 0.606886), 0.682633),
        'heatmap': (3.00117658e-2, 0.257929575, 1.11067426,
                    (0.0492371, -0.0213064, -0.0241846, 0.0573617, 0.0183475), 0.00629038),
        'feature_loss': 0.00127211318,
    },
    'v2_ochuman_B_mode3': {
        'text_encoder': (-1.48909519e-3, 0.640936615, 2.64692187,
                         (0.0765801, 1.13343, 0.590477, -0.401353, 0.535054), 0.886625),
        'heatmap': (4.91492356e-2, 0.25363009, 1.02580595,
                    (0.0684886, -0.0495609, -0.0630234, 0.0176388, 0.0555076), 0.060941),
        'feature_loss': 0.00137442735,
    },
    'v1_mpii_B': {
        'backbone': (-6.56178697e-4, 1.00024471, 4.78462219,
                     (0.55945, -0.259448, -0.828637, 0.491366, -0.388729), 0.712221),
        't_res': (5.08912806e-2, 1.7504038, 6.43520451,
                  (1.46989, 1.25724, -2.01084, -0.485917, -1.51519), -0.156528),
        'v_res': (-4.91363305e-2, 1.98773499, 9.50431156,
                  (-3.47184, -2.92249, -4.4515, -2.83272, -2.15836), 1.72726),
        'heatmap': (8.05054358e-2, 0.586521493, 2.50998521,
                    (-0.0050015, 0.100701, 0.208071, -0.0158721, 0.0502563), 0.243155),
        'feature_loss': 0.0013427001,
    },
}  # fmt: skip
SHARED = ('backbone', 'text_encoder', 'my', 'my_up1')


def build_filled(name, parts=None):
    """Returns a network with the weights of the reference; equal parts may come from another."""
    model = build_without_memory(name)
    for part in SHARED if parts else ():
        setattr(model, part, getattr(parts, part))
    state = {key: x for key, x in model.state_dict().items() if x.is_meta}
    model.to_empty(device='cpu') if parts is None else _to_memory(model)
    rows = sorted({START, END, 0, *chain.from_iterable(CLIP_WORDS.values())})
    own = model.state_dict()
    with torch.no_grad():
        for key in state:
            is_table = key == 'text_encoder.token_embedding.weight'
            fill(own[key], published_name(key), rows if is_table else None)
    return model.eval()


def _to_memory(model):
    for module in model.children():
        if any(x.is_meta for x in module.state_dict().values()):
            module.to_empty(device='cpu')
    for key in ('contexts', 'logit_scale'):
        empty = torch.empty_like(getattr(model, key), device='cpu')
        setattr(model, key, torch.nn.Parameter(empty))
    model.gamma = torch.empty_like(model.gamma, device='cpu')


def run(model):
    """Returns every tensor of the table, and the loss."""
    width, height = model.head.decoder.input_size
    images = image(2, height, width)
    found = {}
    hooks = [
        getattr(model, part).register_forward_hook(
            lambda module, inputs, output, part=part: found.__setitem__(part, output)
        )
        for part in ('backbone', 'text_encoder', 'prompt_encoder')
    ]
    with torch.no_grad():
        text, vision = found['t_res'], found['v_res'] = model.interact(images)
        found['heatmap'] = model.head(vision)
        joints, (rows, columns) = text.shape[1], vision.shape[2:]
        cells = [
            [(3 * k + b) % rows * columns + (5 * k + 2 * b) % columns for k in range(joints)]
            for b in range(2)
        ]
        weights = torch.ones(2, joints)
        weights[1, 0] = 0
        found['feature_loss'] = model.feature_loss(
            vision, text, torch.tensor(cells), weights, model.logit_scale
        )
    for hook in hooks:
        hook.remove()
    return found


@pytest.fixture(scope='module')
def results():
    """Every tensor of every network; one network is in memory at a time."""
    first = build_filled('v2_crowdpose_B_mode5')
    found = {'v2_crowdpose_B_mode5': run(first)}
    found['v2_ochuman_B_mode3'] = run(build_filled('v2_ochuman_B_mode3', first))
    del first
    found['v1_mpii_B'] = run(build_filled('v1_mpii_B'))
    return found


CASES = [(name, part) for name, parts in GOLDEN.items() for part in parts]


@pytest.mark.parametrize(('name', 'part'), CASES)
def test_numbers_are_those_of_the_published_code(results, name, part):
    found, expected = results[name][part].double(), GOLDEN[name][part]
    if part == 'feature_loss':
        assert found.item() == pytest.approx(expected, rel=1e-4)
        return
    mean, std, largest, first, last = expected
    flat = found.flatten()
    assert flat.std().item() == pytest.approx(std, rel=1e-4)
    assert flat.abs().max().item() == pytest.approx(largest, rel=1e-4)
    assert flat.mean().item() == pytest.approx(mean, rel=1e-4, abs=1e-6 * std)
    assert flat[:5].tolist() == pytest.approx(list(first), rel=1e-4, abs=1e-4 * largest)
    assert flat[-1].item() == pytest.approx(last, rel=1e-4, abs=1e-4 * largest)
