"""The feature loss of PGVL, against its definition joint by joint."""

import math

import pytest
import torch
from torch.nn import functional as F

from mmpose.registry import MODELS


def make_inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    vision = torch.randn(2, 6, 4, 3, generator=generator)
    text = torch.randn(2, 5, 6, generator=generator)
    cells = torch.tensor([[0, 11, 5, -1, 7], [3, 3, 2, 1, -1]])
    weights = torch.tensor([[1.0, 1, 0, 1, 1], [1, 2, 1, 1, 0]])
    return vision, text, cells, weights, torch.tensor(math.log(1 / 0.07))


def test_equals_its_definition():
    """Masks of single cells, cosines, and cross-entropy whose classes are on axis 1."""
    vision, text, cells, weights, scale = make_inputs()
    masks = torch.zeros(2, 5, 12)
    for b in range(2):
        for k in range(5):
            if cells[b, k] >= 0:
                masks[b, k, cells[b, k]] = 1
    joints = torch.einsum('bkn,ben->bke', masks, vision.flatten(2))
    joints, names = F.normalize(joints, dim=-1), F.normalize(text, dim=-1)
    logits = scale.exp() * torch.einsum('bie,bje->bij', joints, names)
    labels = torch.arange(5).expand(2, -1)
    first = F.cross_entropy(logits, labels, reduction='none') * weights
    second = F.cross_entropy(logits.transpose(1, 2), labels, reduction='none') * weights
    expected = 0.25 * (first.mean() + second.mean()) / 2
    loss = MODELS.build(dict(type='ContrastiveFeatureLoss', loss_weight=0.25))
    found = loss(vision, text, cells, weights, scale)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_gradients_are_finite_without_any_joint():
    vision, text, cells, weights, scale = make_inputs()
    vision.requires_grad_(), text.requires_grad_(), scale.requires_grad_()
    loss = MODELS.build(dict(type='ContrastiveFeatureLoss', loss_weight=1.0))
    loss(vision, text, torch.full_like(cells, -1), weights, scale).backward()
    assert all(x.grad.isfinite().all() for x in (vision, text, scale))
    assert not vision.grad.any()


def test_half_precision_is_computed_in_float32():
    vision, text, cells, weights, scale = make_inputs()
    loss = MODELS.build(dict(type='ContrastiveFeatureLoss'))
    expected = loss(vision.bfloat16().float(), text, cells, weights, scale)
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(vision.bfloat16(), text, cells, weights, scale)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
