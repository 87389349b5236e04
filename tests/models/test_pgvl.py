"""The PGVL estimator, tiny: what it learns, remembers, loads and refuses."""

import copy

import pytest
import torch

from mmcv_custom import KeywordOptimWrapperConstructor
from mmpose.checkpoint_tools.convert_file import convert_checkpoint
from mmpose.checkpoints import load_model
from mmpose.checkpoints.adapters.pgvl import start_language
from mmpose.checkpoints.adapters.vitpose import to_vitpose
from mmpose.checkpoints.load import convert_file
from mmpose.models import PGVLPoseEstimator, TopdownPoseEstimator
from mmpose.models.losses import token_cells
from mmpose.registry import MODELS

GRAPHS = {
    'fuse': dict(type='ParseGraph', variant='fuse', dims=(16, 24), dim=24),
    'guided': dict(type='ParseGraph', variant='guided', dims=(32,), dim=32, mode=3),
}
WIDTHS = {'fuse': 24, 'guided': 32}


def config(variant='fuse', **changes):
    codec = dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32))
    return {
        **dict(
            type='PGVLPoseEstimator',
            metainfo='coco',
            backbone=dict(type='ViT', img_size=(128, 96), embed_dim=24, depth=1, num_heads=2),
            head=dict(
                type='HeatmapHead',
                in_channels=WIDTHS[variant],
                out_channels=17,
                deconv_out_channels=(8, 8),
                deconv_kernel_sizes=(4, 4),
                decoder=codec,
            ),
            text_encoder=dict(
                type='CLIPTextEncoder', width=16, out_channels=32, layers=1, context_length=13
            ),
            prompt_encoder=dict(type='PromptEncoder'),
            parse_graph=GRAPHS[variant],
            feature_loss=dict(type='ContrastiveFeatureLoss', loss_weight=0.5),
        ),
        **changes,
    }


def make(variant='fuse', **changes):
    torch.manual_seed(0)
    return MODELS.build(config(variant, **changes))


def make_batch():
    torch.manual_seed(1)
    keypoints = torch.rand(2, 17, 2) * torch.tensor([95.0, 127.0])
    return torch.randn(2, 3, 128, 96), dict(
        keypoints=keypoints, keypoints_visible=torch.ones(2, 17)
    )


@pytest.fixture(params=GRAPHS)
def variant(request):
    return request.param


def test_losses_are_those_of_head_and_features(variant):
    model = make(variant).eval()
    images, batch = make_batch()
    losses = model(images, batch, mode='loss')
    assert set(losses) == {'loss_heatmap', 'acc_pose', 'loss_feature'}
    text, vision = model.interact(images)
    head = model.head.loss(vision, **batch)
    assert losses['loss_heatmap'] == head['loss_heatmap']
    cells, weights = token_cells(batch['keypoints'], batch['keypoints_visible'], (96, 128), (6, 8))
    expected = model.feature_loss(vision, text, cells, weights, model.logit_scale)
    assert losses['loss_feature'] == expected > 0


def test_a_step_moves_everything_but_the_text_encoder(variant):
    model = make(variant).train()
    assert not model.text_encoder.training
    keys = dict(backbone=dict(lr_mult=0.1), norm=dict(decay_mult=0.0))
    build = KeywordOptimWrapperConstructor(
        dict(optimizer=dict(type='AdamW', lr=1e-2, weight_decay=1e-4)), dict(custom_keys=keys)
    )
    before = {name: x.clone() for name, x in model.state_dict().items()}
    images, batch = make_batch()
    wrapper = build(model)
    losses = model(images, batch, mode='loss')
    (losses['loss_heatmap'] + losses['loss_feature']).backward()
    trained = {name for name, x in model.named_parameters() if x.requires_grad}
    idle = {name for name, x in model.named_parameters() if x.requires_grad and x.grad is None}
    assert idle == set()  # so that DDP need not look for unused parameters
    wrapper.step()
    moved = {name for name, x in model.state_dict().items() if not torch.equal(x, before[name])}
    assert not any(name.startswith('text_encoder.') for name in trained | moved)
    assert {'contexts', 'logit_scale'} <= moved
    assert any(name.startswith('backbone.') for name in moved)


def test_text_is_read_once_in_evaluation(variant):
    model = make(variant).eval()
    calls = []
    model.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    images, _ = make_batch()
    with torch.no_grad():
        first = model.predict_output(images)
        second = model.predict_output(images)
    assert len(calls) == 1
    assert torch.equal(first, second)
    with torch.no_grad():
        model.contexts.add_(1)
    model.eval()
    with torch.no_grad():
        assert not torch.equal(model.predict_output(images), first)
    assert len(calls) == 2


def test_copy_is_independent():
    model = make().eval()
    twin = copy.deepcopy(model)
    assert twin.text_encoder.train.module is twin.text_encoder
    images, _ = make_batch()
    with torch.no_grad():
        assert torch.equal(model(images), twin(images))


def test_prompts_change_the_features():
    plain, other = make(), make(prompts={'nose': 'throat'})
    images, _ = make_batch()
    assert other.prompts[0] == 'throat'
    assert not torch.equal(plain(images), other(images))


def test_works_without_learned_context():
    model = make(num_contexts=0)
    assert 'contexts' not in model.state_dict()
    images, batch = make_batch()
    assert model(images, batch, mode='loss')['loss_feature'].isfinite()


def test_plain_twin_has_no_language(variant):
    cfg = config(variant, prompts={'nose': 'throat'})
    twin = MODELS.build(PGVLPoseEstimator.plain_config(cfg))
    assert type(twin) is TopdownPoseEstimator
    images, _ = make_batch()
    assert twin(images).shape == make(variant)(images).shape


def publish(model, path, graph='my'):
    """Writes weights as the published code did."""
    state, _ = to_vitpose(model.state_dict())
    state = {f'{graph}{k[2:]}' if k.startswith('my.') else k: x for k, x in state.items()}
    torch.save(dict(meta=dict(epoch=210), state_dict=state, optimizer={}), path)


@pytest.mark.parametrize('graph', ['my', 'pgvl'])
def test_published_layout_is_loaded(variant, graph, tmp_path):
    source, target = make(variant), make(variant)
    for parameter in source.parameters():
        parameter.data.add_(0.01)
    publish(source, tmp_path / 'a.pth', graph)
    report = load_model(target, tmp_path / 'a.pth')
    assert 'format: PGVL pose model' in str(report)
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, source.state_dict()[name]), name


def test_wrong_variant_is_named(tmp_path):
    publish(make('guided'), tmp_path / 'v2.pth')
    message = (
        r"model\.parse_graph is \{'variant': 'guided', 'dims': \(32,\), 'dim': 32, 'mode': 3.* in "
        r"the file and \{'variant': 'fuse', 'dims': \(16, 24\), 'dim': 24, 'project_all': False"
    )
    with pytest.raises(ValueError, match=message):
        load_model(make('fuse'), tmp_path / 'v2.pth')
    publish(make('fuse'), tmp_path / 'v1.pth')
    with pytest.raises(ValueError, match=r"'variant': 'fuse'.* in the file and"):
        load_model(make('guided'), tmp_path / 'v1.pth')


def test_model_without_language_is_no_pgvl(tmp_path):
    twin = MODELS.build(PGVLPoseEstimator.plain_config(config()))
    torch.save(twin.state_dict(), tmp_path / 'plain.pth')
    with pytest.raises(ValueError, match='does not fit the model'):
        load_model(make(), tmp_path / 'plain.pth')


BAD = [
    ('guided', dict(head=None), r'gives 32 channels but the head takes 24; set .*in_channels=32'),
    ('fuse', dict(parse_graph={**GRAPHS['fuse'], 'dim': 16}), r'backbone gives 24 .*dim=24'),
    ('guided', dict(parse_graph={**GRAPHS['guided'], 'dim': 64}), r'text encoder gives 32 .*=32'),
    ('fuse', dict(prompts={'left_knie': 'x'}), r"'left_knie', a keypoint that the skeleton 'coco'"),
]


@pytest.mark.parametrize(('name', 'changes', 'message'), BAD)
def test_what_does_not_fit_is_refused(name, changes, message):
    if 'head' in changes:
        changes = dict(head=config('fuse')['head'])
    with pytest.raises(ValueError, match=message):
        make(name, **changes)


def test_too_long_prompt_is_refused_in_training_and_test():
    model = make(prompts={'nose': 'left ear on the left side of the head'})
    with pytest.raises(ValueError, match='9 tokens but there is room for 3'):
        model(make_batch()[0])


def test_files_are_converted_by_their_config_only(tmp_path):
    publish(make(), tmp_path / 'published.pth')
    model = config(backbone={**config()['backbone'], 'num_heads': 12})
    (tmp_path / 'config.py').write_text(f'model = {model!r}\nmetainfo = "coco"\n')
    options = dict(to='ours', config=tmp_path / 'config.py')
    done = convert_checkpoint(tmp_path / 'published.pth', tmp_path / 'ours.pth', **options)
    assert done.difference == 0
    back = {**options, 'to': 'vitpose'}
    convert_checkpoint(tmp_path / 'ours.pth', tmp_path / 'back.pth', **back)
    names = [set(torch.load(tmp_path / f'{x}.pth')['state_dict']) for x in ('published', 'back')]
    assert names[0] == names[1]
    with pytest.raises(ValueError, match='reads texts, which only its config has; give --config'):
        convert_checkpoint(tmp_path / 'published.pth', tmp_path / 'x.pth', 'ours')
    with pytest.raises(ValueError, match='VitPose of Hugging Face has no model that reads texts'):
        convert_checkpoint(tmp_path / 'published.pth', tmp_path / 'x', 'huggingface')


def test_other_joints_start_from_a_trained_model(tmp_path):
    source = make()
    for parameter in source.parameters():
        parameter.data.add_(0.01)
    publish(source, tmp_path / 'coco.pth')
    head = {**config()['head'], 'out_channels': 14}
    options = dict(pretrained=str(tmp_path / 'coco.pth'), pretrained_metainfo='coco')
    prompts = {'top_head': 'upper head'}
    model = make(metainfo='crowdpose', head=head, prompts=prompts, **options)
    torch.nn.init.zeros_(model.my_up.weight)
    model.init_weights()
    for name in ('backbone.pos_embed', 'my_up.weight', 'contexts', 'text_encoder.ln_final.bias'):
        assert torch.equal(model.state_dict()[name], source.state_dict()[name]), name
    final, theirs = model.head.final_layer.weight, source.head.final_layer.weight
    shoulder = source.dataset_meta.keypoint_names.index('left_shoulder')
    assert torch.equal(final[0], theirs[shoulder])

    other = make('guided', pretrained=str(tmp_path / 'coco.pth'))
    other.init_weights()
    assert torch.equal(other.backbone.pos_embed, source.backbone.pos_embed)
    state = convert_file(other.pretrained).state
    parts, (note,) = start_language(other, state)
    assert not parts
    assert "the checkpoint's language does not fit ('" in note
    assert 'text_encoder' in start_language(model, convert_file(model.pretrained).state)[0]
