"""The text tower of CLIP: its features by definition, its files, and prompts that are too long."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmpose.checkpoints.adapters.clip import load_clip_text
from mmpose.models.language import CLIPTextEncoder, PromptEncoder
from mmpose.models.language.tokenizer import END, START, tokenize

SIZES = dict(width=16, out_channels=12, layers=2, heads=4)


@pytest.fixture(scope='module')
def encoder():
    torch.manual_seed(0)
    return CLIPTextEncoder(**SIZES, context_length=13).eval()


def by_definition(encoder, prompt, contexts):
    """The feature of one text, token by token up to its end; nothing behind it can matter."""
    ids = [START, *tokenize(prompt), END]
    tokens = encoder.token_embedding.weight[ids]
    tokens = torch.cat((tokens[:1], contexts[0], tokens[1:]))
    tokens = tokens + encoder.positional_embedding[: len(tokens)]
    for block in encoder.transformer.resblocks:
        tokens = tokens + self_attention(block.attn, block.ln_1(tokens))
        hidden = block.mlp.c_fc(block.ln_2(tokens))
        tokens = tokens + block.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
    return encoder.ln_final(tokens)[-1] @ encoder.text_projection


def self_attention(attn, x):
    query, key, value = F.linear(x, attn.in_proj_weight, attn.in_proj_bias).chunk(3, -1)
    parts = []
    for q, k, v in zip(*(y.chunk(attn.num_heads, -1) for y in (query, key, value)), strict=True):
        logits = q @ k.T / q.shape[-1] ** 0.5
        later = torch.ones_like(logits, dtype=torch.bool).triu(1)
        parts.append(logits.masked_fill(later, -torch.inf).softmax(-1) @ v)
    return attn.out_proj(torch.cat(parts, -1))


@pytest.mark.parametrize('num_contexts', [0, 1, 6])
@pytest.mark.parametrize('has_gradient', [False, True])
def test_features_by_definition(encoder, num_contexts, has_gradient):
    """Also without gradients, where PyTorch takes other kernels."""
    contexts = torch.randn(1, num_contexts, 16)
    prompts = ['nose', 'left eye', 'lower pelvis', 'withers']
    with torch.set_grad_enabled(has_gradient):
        found = encoder(prompts, contexts if num_contexts else None)
        expected = torch.stack([by_definition(encoder, x, contexts) for x in prompts])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_other_prompts(encoder):
    alone, together = encoder(['left eye'])[0], encoder(['nose', 'left eye', 'lower pelvis'])[1]
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)


def test_too_long_prompt_is_named(encoder):
    message = (
        r"'left ear on the left side of the head' has 9 tokens but there is room for 3: "
        r'model\.text_encoder\.context_length=13 .* 8 learned tokens \(model\.num_contexts\)'
    )
    with pytest.raises(ValueError, match=message):
        encoder(['nose', 'left ear on the left side of the head'], torch.zeros(1, 8, 16))


def test_width_and_heads_have_to_fit():
    with pytest.raises(ValueError, match='width 16 cannot have 3 heads'):
        CLIPTextEncoder(width=16, heads=3)


def test_prompt_encoder_sees_all_prompts_in_any_order():
    torch.manual_seed(0)
    encoder = PromptEncoder(width=16, num_prompts=5, heads=4).eval()
    features, order = torch.randn(5, 16), torch.randperm(5)
    found = encoder(features)
    torch.testing.assert_close(encoder(features[order]), found[order], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(encoder(features[:4]), found[:4], atol=1e-3)


class Clip(nn.Module):
    """The layout of OpenAI's models, tiny: the text tower at the top, the image tower beside it."""

    def __init__(self):
        super().__init__()
        text = CLIPTextEncoder(**SIZES, context_length=20)
        for name, part in text.named_children():
            setattr(self, name, part)
        self.positional_embedding = text.positional_embedding
        self.text_projection = text.text_projection
        self.visual = nn.Linear(2, 2)
        self.logit_scale = nn.Parameter(torch.tensor(4.6))

    def forward(self, x):
        return self.visual(x) * self.logit_scale


def write_program(clip, path):
    torch.jit.trace(clip.half(), torch.rand(1, 2).half(), check_trace=False).save(str(path))


WRITERS = {
    'state dict': lambda clip, path: torch.save(clip.state_dict(), path),
    'TorchScript of half precision': write_program,
}


@pytest.mark.parametrize('write', WRITERS.values(), ids=WRITERS)
def test_clip_files_are_loaded(tmp_path, write):
    torch.manual_seed(1)
    clip, encoder = Clip(), CLIPTextEncoder(**SIZES, context_length=13)
    write(clip, tmp_path / 'clip.pt')
    report = load_clip_text(encoder, tmp_path / 'clip.pt')
    state = {name: x.float() for name, x in clip.state_dict().items()}
    for name, tensor in encoder.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, state[name][:13] if name.startswith('pos') else state[name])
    assert set(report.dropped) == {'visual.weight', 'visual.bias', 'logit_scale'}
    assert 'the first 13 of 20 positions were taken' in str(report)


def test_other_files_are_refused(tmp_path):
    encoder = CLIPTextEncoder(**SIZES, context_length=13)
    torch.save({'blocks.0.weight': torch.ones(2)}, tmp_path / 'other.pt')
    with pytest.raises(ValueError, match=r"other\.pt' holds no text tower .* ViT-B-16\.pt"):
        load_clip_text(encoder, tmp_path / 'other.pt')
    torch.save(Clip().state_dict(), tmp_path / 'clip.pt')
    deeper = CLIPTextEncoder(**{**SIZES, 'layers': 3}, context_length=13)
    with pytest.raises(ValueError, match='12 only in the model'):
        load_clip_text(deeper, tmp_path / 'clip.pt')
    with pytest.raises(FileNotFoundError, match=r'no checkpoint file .*nowhere\.pt'):
        load_clip_text(encoder, tmp_path / 'nowhere.pt')
