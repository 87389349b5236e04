"""BLIP's text encoder gives the published features and never changes."""

import sys

import pytest
import torch

from mmpose.checkpoints.adapters.blip import load_blip_text
from mmpose.models.language import BlipTextEncoder
from tests.models.golden_fill import check_golden, filled
from tests.models.published_vlpose import bert_shapes, blip_shapes

pytest.importorskip('transformers', reason='transformers is not installed')

SMALL = dict(embed_dim=16, depth=2, num_heads=2, mlp_dim=24, max_tokens=12)
SENTENCES = ('a photo of a human', 'a photo of a cartoon character', 'a drawing')


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return BlipTextEncoder(**SMALL)


def test_published_features():
    with torch.device('meta'):
        encoder = BlipTextEncoder()
    encoder.to_empty(device='cpu')
    for name, parameter in encoder.text_encoder.named_parameters():
        if 'crossattention' in name:  # never run
            continue
        rows = parameter[:10_000]  # more words are not looked up
        rows.data.copy_(filled(name, rows.shape))
    ids = torch.tensor(
        [
            [101, 1037, 6302, 1997, 1037, 9476, 2839, 102, 0, 0],
            [101, 1037, 6302, 1997, 1037, 2529, 102, 0, 0, 0],
        ]
    )
    encoder.text_encoder.embeddings.position_ids = torch.arange(512)[None]
    with torch.no_grad():
        features = encoder.encode_tokens(ids, ids != 0)
    assert features.shape == (2, 10, 768)
    first = (0.279382, 0.980955, 2.6571, 0.641166, 0.300428)
    check_golden(features, -1.3132527e-3, 1.00241853, 3.86390328, first, -1.60471)


def test_names_and_shapes_are_the_published_ones():
    with torch.device('meta'):
        encoder = BlipTextEncoder()
    ours = {f'text_encoder.{k}': tuple(x.shape) for k, x in encoder.state_dict().items()}
    published = {
        name: shape
        for name, shape in blip_shapes().items()
        if name.startswith('text_encoder.text_encoder.') and not name.endswith('position_ids')
    }
    assert ours == published


def test_sentences_do_not_depend_on_their_neighbours(encoder):
    features, is_word = encoder(SENTENCES)
    assert is_word.sum(1).tolist() == [7, 8, 4]
    assert features.shape == (3, 8, 16)
    for i, sentence in enumerate(SENTENCES):
        alone, _ = encoder((sentence,))
        assert torch.allclose(features[i, is_word[i]], alone[0], atol=1e-6)


def test_frozen_and_remembered(encoder):
    holder = torch.nn.ModuleList([encoder]).train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in holder.parameters())
    first = encoder(SENTENCES)[0]
    assert encoder(SENTENCES)[0] is first
    encoder.load_state_dict({k: 0 * x for k, x in encoder.state_dict().items()})
    assert not torch.equal(encoder(SENTENCES)[0], first)


def small_blip(prefix):
    shapes = bert_shapes(16, 2, 24, 30524, 12)
    return {f'{prefix}{name}': filled(name, shape) for name, shape in shapes.items()}


@pytest.mark.parametrize('prefix', ['text_encoder.', 'text_encoder.text_encoder.'])
def test_loads_from_blip_and_from_vlpose(encoder, prefix, tmp_path):
    others = {'visual_encoder.norm.weight': torch.ones(4), 'text_decoder.x': torch.ones(4)}
    torch.save({'model': small_blip(prefix) | others}, tmp_path / 'blip.pth')
    encoder.pretrained = str(tmp_path / 'blip.pth')
    encoder.init_weights()
    name = 'encoder.layer.1.output.dense.weight'
    assert torch.equal(encoder.text_encoder.state_dict()[name], filled(name, (16, 24)))


def test_file_of_another_model(encoder, tmp_path):
    torch.save({'model': {'visual.proj': torch.ones(2)}}, tmp_path / 'clip.pth')
    with pytest.raises(ValueError, match=r"the text encoder of '.*clip\.pth' does not fit"):
        load_blip_text(encoder, tmp_path / 'clip.pth')


def test_too_long_prompt(encoder):
    with pytest.raises(ValueError, match=r"'a photo of .* has 13 tokens, but .* takes 12; shorten"):
        encoder(('a photo of a human in a room with a dog',))


def test_vocabulary_larger_than_the_embedding(tmp_path):
    tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', *'abcdef']
    (tmp_path / 'vocab.txt').write_text('\n'.join(tokens))
    with pytest.raises(ValueError, match=r'has 10 tokens but the text encoder embeds 8; take'):
        BlipTextEncoder(**SMALL, vocab_size=8, vocab=tmp_path / 'vocab.txt')


def test_missing_transformers_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match=r'needs transformers; .*requirements/language\.txt'):
        BlipTextEncoder(**SMALL)
