"""What ``digests.py`` computes itself: models, codecs, samples, messages, and noisy poses.

Every name of the packages that they need stands in one of the first functions, or in a table at
the top, so that renaming it changes one line.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'configs'
Values = Iterator[tuple[str, Any]]

SMALL = {
    'model.backbone.embed_dim': 24,
    'model.backbone.depth': 2,
    'model.backbone.num_heads': 2,
    'model.pretrained': None,
    'model.pretrained_metainfo': None,
}
SMALL_TEXT = {
    'model.text_encoder.embed_dim': 16,
    'model.text_encoder.depth': 1,
    'model.text_encoder.num_heads': 2,
    'model.text_encoder.mlp_dim': 16,
}
SMALL_GRAPH = {
    'model.text_encoder.width': 16,
    'model.text_encoder.out_channels': 32,
    'model.text_encoder.layers': 1,
}
# family: stem of its config, overrides beside those of SMALL and of the heads
FAMILIES = {
    'classic': ('ViTPose_base_coco_256x192', {}),
    'simple': ('ViTPose_base_simple_coco_256x192', {}),
    'conv_stem': ('ViTPose_tiny_toy_128x96', {}),
    'hap': ('HAP_base_coco_256x192', {}),
    'multi_head': ('ViTPose_base_multitask_coco+aic+mpii_256x192', {}),
    'moe': ('vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp', {}),
    'moe_added': ('vitPose+_base_added_animalpose_256x192_udp', {}),
    'pgvl_fuse': (
        'PGVL_ViTB_crowdpose_256X192',
        {
            **SMALL_GRAPH,
            'model.parse_graph.dim': 24,
            'model.parse_graph.dims': (24, 48, 72),
            'model.head.in_channels': 24,
        },
    ),
    'pgvl_guided': (
        'PGVL_v2_ViTB_crowdpose_256X192',
        {
            **SMALL_GRAPH,
            'model.parse_graph.dim': 32,
            'model.parse_graph.dims': (32,),
            'model.head.in_channels': 32,
        },
    ),
    'vlpose': ('VLPose_small_coco_256x192', SMALL_TEXT),
    'vlpose_shallow': ('VLPose_base_humanart_256x192_sp20', SMALL_TEXT),
    'vlpose_deep': ('VLPose_base_humanart_256x192_dp20', SMALL_TEXT),
    'vlpose_last_layers': ('VLPose_base_humanart_256x192_ll', SMALL_TEXT),
}
SIZES = {'input_size': (192, 256), 'heatmap_size': (48, 64)}
CODECS = {
    'msra_quarter': dict(type='MSRAHeatmap', sigma=2, **SIZES),
    'msra_dark': dict(type='MSRAHeatmap', sigma=2, unbiased=True, decoder='dark', **SIZES),
    'msra_argmax': dict(
        type='MSRAHeatmap', sigma=3, decoder='argmax', shift_heatmap=False, **SIZES
    ),
    'udp': dict(type='UDPHeatmap', sigma=2, **SIZES),
    'udp_small': dict(
        type='UDPHeatmap',
        input_size=(96, 128),
        heatmap_size=(24, 32),
        sigma=1.5,
        blur_kernel_size=5,
    ),
    'udp_combined': dict(type='UDPCombinedHeatmap', **SIZES),
    'megvii': dict(type='MegviiHeatmap', **SIZES),
}
# losses that no family above has
LOSSES = {
    'mse': dict(type='JointsMSELoss', use_target_weight=True),
    'mse_unweighted': dict(type='JointsMSELoss', use_target_weight=False),
    'mse_hardest': dict(type='JointsOHKMMSELoss', topk=6, use_target_weight=True),
    'mse_combined': dict(type='CombinedTargetMSELoss', use_target_weight=True),
    'adaptive_wing': dict(type='AdaptiveWingLoss', use_target_weight=True),
}
MIXTURES = {
    'mixture_six': 'vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp',
    'mixture_three': 'ViTPose_base_multitask_coco+aic+mpii_256x192',
}
# what the processes of the sections share; loading it computes nothing
PRELOADED = (
    'torch', 'torchvision', 'mmengine.runner', 'cv2', 'scipy.io', 'onnxruntime', 'tensorboard',
    'matplotlib.pyplot', 'safetensors.torch', 'transformers.models.blip.modeling_blip_text',
    'mmpose.apis', 'mmpose.models', 'mmpose.datasets', 'mmpose.engine',
)  # fmt: skip
NUM_SAMPLES, NUM_EPOCHS = 8, 2
EPOCH_LENGTH = 10  # iterations an epoch, for the learning rates
RATE_STEPS = (
    0, 1, 2, 5, 15, 25, 29, 100, 399, 400, 401, 450, 499, 500, 501, 1699, 1700, 1701, 1999, 2000,
    2099,
)  # fmt: skip


def warm_up() -> None:
    """Loads what every process needs, so that processes that are forked later have it."""
    import torch

    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with torch.device('meta'):
        build('MODELS', load(leaf_paths()['ViTPose_tiny_toy_128x96']).model)


def load(path: Path, options: dict[str, Any] | None = None, data: Path | None = None) -> Any:
    """Returns a composed config."""
    from mmpose.apis import load_config

    return load_config(path, options, data_root=data and str(data))


def build(registry: str, config: dict[str, Any]) -> Any:
    """Returns a component: of ``MODELS``, ``CODECS``, ``DATASETS`` or ``DATA_SAMPLERS``."""
    import mmcv_custom  # noqa: F401  (registers the constructors of the optimizers)
    from mmpose import registry as registries

    return getattr(registries, registry).build(config)


def window_of(sample: dict[str, Any]) -> list[Any]:
    """Returns what a training sample holds, in an order of its own."""
    names = ('image', 'keypoints', 'keypoints_visible', 'center', 'scale', 'rotation', 'flipped')
    values = [sample.get(name) for name in names]
    return [*values, sample['crop'].matrix(), sample['dataset_idx'], sample['ann_id']]


def pose_values(pose: Any) -> list[Any]:
    """Returns what a predicted pose holds, in an order of its own."""
    return [
        pose.keypoints,
        pose.keypoint_scores,
        pose.bbox_xywh,
        pose.area,
        pose.img_id,
        pose.ann_id,
    ]


def make_batch(num: int, num_keypoints: int, num_heads: int, input_size: tuple[int, int]) -> Any:
    """Returns what the collate function gives beside the images of ``num`` samples."""
    import torch

    generator = torch.Generator().manual_seed(2)
    size = torch.tensor(input_size, dtype=torch.float32)
    center = torch.rand(num, 2, generator=generator) * 100
    return {
        'keypoints': torch.rand(num, num_keypoints, 2, generator=generator) * (size - 1),
        'keypoints_visible': (torch.rand(num, num_keypoints, generator=generator) > 0.3).float(),
        'dataset_idx': torch.arange(num) % num_heads,
        'center': center,
        'scale': size.repeat(num, 1) * 1.5,
        'rotation': torch.zeros(num),
        'bbox_xywh': torch.cat([center - 40, torch.full((num, 2), 80.0)], 1),
        'bbox_score': torch.ones(num),
        'ann_id': torch.arange(num) + 100,
        'category_id': torch.ones(num, dtype=torch.long),
        'img_id': list(range(num)),
        'image_file': [f'images/{i}/{["cartoon", "dance", "oil_painting"][i % 3]}/{i}.jpg'
                       for i in range(num)],
    }  # fmt: skip


def head_configs(cfg: Any) -> dict[str, Any]:
    """Returns the configs of the heads of a model by their place in its config."""
    heads = cfg.model.get('heads')
    return {f'heads.{i}': x for i, x in enumerate(heads)} if heads else {'head': cfg.model.head}


def leaf_paths() -> dict[str, Path]:
    """Returns the leaf configs by their stem."""
    paths = sorted(x for x in CONFIGS.rglob('*.py') if '_base_' not in x.parts)
    found = {path.stem: path for path in paths}
    assert len(found) == len(paths), 'two leaf configs have one name'
    return found


def fill(model: Any) -> None:
    """Draws every weight and running statistic by its name alone."""
    import torch

    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        noise = torch.randn(tensor.shape, generator=generator)
        is_scale = tensor.ndim == 1 and name.endswith('weight')
        tensor.copy_(1 + noise.abs() if name.endswith('running_var') else is_scale + 0.1 * noise)


def forward(family: str) -> Values:
    """Heatmaps, losses, gradients and poses of a small model."""
    import torch

    stem, more = FAMILIES[family]
    path = leaf_paths()[stem]
    heads = head_configs(load(path))
    sizes = {f'model.{name}.in_channels': 24 for name in heads}
    sizes |= {
        f'model.{name}.deconv_out_channels': (8, 8)
        for name, head in heads.items()
        if head.get('deconv_out_channels', True)
    }
    cfg = load(path, {**SMALL, **sizes, **more})
    configs = list(head_configs(cfg).values())
    input_size = tuple(configs[0].decoder.input_size)
    torch.manual_seed(0)
    model = build('MODELS', cfg.model)
    yield 'keys', [(name, tuple(x.shape)) for name, x in model.state_dict().items()]
    if hasattr(model, 'init_weights'):
        torch.manual_seed(1)
        model.init_weights()
        yield 'init', sorted(model.state_dict().items())
    fill(model)
    batch = make_batch(6, max(x.out_channels for x in configs), len(configs), input_size)
    images = torch.randn(
        6, 3, input_size[1], input_size[0], generator=torch.Generator().manual_seed(1)
    )
    yield 'heatmaps', model.eval()(images, batch, mode='tensor')
    poses = model(images, batch, mode='predict')
    yield 'poses', [pose_values(pose) for pose in poses]
    torch.manual_seed(3)
    losses = model.train()(images, batch, mode='loss')
    yield 'losses', sorted(float(x.detach().mean()) for x in losses.values())
    sum(x for name, x in losses.items() if 'loss' in name).backward()
    gradients = {name: x.grad for name, x in model.named_parameters() if x.grad is not None}
    yield 'gradients', sorted(gradients.items())
    yield 'buffers', sorted(model.named_buffers())


def codec(name: str) -> Values:
    """Maps of fixed keypoints, and keypoints of fixed maps."""
    import torch

    config = CODECS[name]
    coder = build('CODECS', dict(config))
    generator = torch.Generator().manual_seed(4)
    size = torch.tensor(config['input_size'], dtype=torch.float32)
    keypoints = (torch.rand(3, 17, 2, generator=generator) * 1.3 - 0.15) * size
    visible = (torch.rand(3, 17, generator=generator) > 0.2).float()
    maps, weights = coder.encode(keypoints, visible)
    yield 'encode', (maps, weights)
    yield 'decode', coder.decode(maps)
    noise = torch.randn(maps.shape, generator=generator)
    yield 'decode_noisy', coder.decode(maps + 0.05 * maps.max() * noise)
    yield 'decode_random', coder.decode(noise)
    partner = torch.tensor([0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))])
    yield 'unflip', coder.unflip(maps + noise, partner)


def cells() -> Values:
    """Cells of tokens, which PGVL takes for targets."""
    import torch

    from mmpose.models.losses import token_cells

    generator = torch.Generator().manual_seed(4)
    points = (torch.rand(3, 17, 2, generator=generator) * 1.3 - 0.15) * 256
    visible = (torch.rand(3, 17, generator=generator) > 0.2).float()
    yield 'encode', token_cells(points, visible, (192, 256), (12, 16))


def loss(name: str) -> Values:
    """The value and the gradient of a loss of heatmaps."""
    import torch

    generator = torch.Generator().manual_seed(5)
    shape = (2, 51 if name == 'mse_combined' else 17, 16, 12)
    maps = torch.rand(shape, generator=generator).requires_grad_()
    target = torch.rand(shape, generator=generator)
    weights = (torch.rand(2, 17, generator=generator) > 0.3).float()
    value = build('MODELS', dict(LOSSES[name]))(maps, target, weights)
    value.sum().backward()
    yield 'value', (value, maps.grad)


def leaf(stem: str) -> Values:
    """Parameters, optimizer groups, learning rates and numbers of a config."""
    import torch
    from mmengine.optim import build_optim_wrapper

    cfg = load(leaf_paths()[stem])
    with torch.device('meta'):
        model = build('MODELS', cfg.model)
    yield 'keys', [(name, tuple(x.shape)) for name, x in model.state_dict().items()]
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [
        (names[id(parameter)], group['lr'], group['weight_decay'], group.get('betas'))
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    ]
    yield 'groups', sorted(groups)
    yield 'rates', rates(cfg)
    yield 'numbers', sorted(map(repr, numbers(cfg.to_dict())))


def rates(cfg: Any) -> list[float]:
    """Returns the learning rate, relative to that of the config, at some iterations."""
    import torch
    from mmengine.registry import PARAM_SCHEDULERS

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    last = cfg.train_cfg.max_epochs
    shared = dict(optimizer=optimizer, epoch_length=EPOCH_LENGTH)
    schedulers = []
    for config in cfg.param_scheduler:
        end = last if config.get('by_epoch', True) else last * EPOCH_LENGTH
        schedulers.append(PARAM_SCHEDULERS.build({'end': end, **config}, default_args=shared))
    found = []
    for step in range(RATE_STEPS[-1] + 1):
        if step in RATE_STEPS:
            found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or (step + 1) % EPOCH_LENGTH == 0:
                scheduler.step()
    return found


def numbers(node: Any) -> Iterator[float]:
    """Yields the numbers and flags in a nested value, whatever they are called."""
    if isinstance(node, dict):
        for value in node.values():
            yield from numbers(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from numbers(value)
    elif isinstance(node, (bool, int, float)):
        yield node


def pipelines() -> dict[str, str]:
    """Returns the stems of a leaf for each fragment of pipelines, and for each mixture."""
    texts = {stem: path.read_text() for stem, path in leaf_paths().items()}
    found = {}
    for path in sorted((CONFIGS / '_base_' / 'pipelines').glob('*.py')):
        found[path.stem] = min(stem for stem, text in texts.items() if path.name in text)
    return {**found, **MIXTURES}


def augment(pipeline: str, data: Path) -> Values:
    """The first training samples of two epochs, in the order in which they are drawn."""
    cfg = load(leaf_paths()[pipelines()[pipeline]], data=data)
    dataset = build('DATASETS', cfg.train_dataloader.dataset)
    sampler = build('DATA_SAMPLERS', dict(cfg.train_dataloader.sampler, dataset=dataset, seed=5))
    yield 'length', len(dataset)
    for epoch in range(NUM_EPOCHS):
        sampler.set_epoch(epoch)
        draws = list(sampler)
        yield f'order_{epoch}', [tuple(draw)[:4] for draw in draws]
        samples = [window_of(dataset[draw]) for draw in draws[:NUM_SAMPLES]]
        for place, name in enumerate(('images', 'keypoints', 'visible')):
            yield f'{name}_{epoch}', [sample[place] for sample in samples]
        yield f'windows_{epoch}', [sample[3:] for sample in samples]


def person(number: int) -> dict[str, Any]:
    """Returns the values of a person of a message."""
    rng = np.random.default_rng(number)
    return dict(
        id=number,
        score=0.5 + number / 10,
        bbox_xywh=np.array([10.25, 20, 200, 400]),
        keypoints=rng.uniform(0, 480, (17, 2)),
        scores=rng.uniform(0, 1, 17),
        joints_3d=rng.normal(size=(17, 3)),
        method_3d='triangulated (exact)',
        rotations={'hips': np.array([0.5, 0.5, 0.5, 0.5])},
        root=rng.normal(size=3),
    )


def messages() -> Values:
    """The datagrams of a fixed frame, in both versions, and the schemas."""
    from realtime_pose import communication as net

    head = dict(seq=3, frame_id=7, t_capture=1.7e9, t_sent=1.7e9 + 0.05, source='camera')
    people = tuple(net.Person(**person(number)) for number in range(2))
    message = net.PoseMessage(**head, size_wh=(640, 480), people=people, stats={'fps': 30.0})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(('127.0.0.1', 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        for version, count in ((2, 1), (1, 2)):
            sender = net.UdpSender('127.0.0.1', port, version=version)
            sender.send(message)
            yield f'version_{version}', [receiver.recv(65536) for _ in range(count)]
            sender.close()
    for path in sorted((ROOT / 'realtime_pose').rglob('*.schema.json')):
        yield path.name, json.loads(path.read_text())


def projected_hands(folder: Path, stem: str) -> list[dict[str, Any]]:
    """Returns the hands of InterHand2.6M whose joints are all valid, as poses without noise."""
    data, cameras, joints = (
        json.loads((folder / f'{stem}_{part}.json').read_text())
        for part in ('data', 'camera', 'joint_3d')
    )
    images = {image['id']: image for image in data['images']}
    found = []
    for annotation in data['annotations']:
        image = images[annotation['image_id']]
        capture, name = str(image['capture']), str(image['camera'])
        camera = SimpleNamespace(**{k: np.array(v[name]) for k, v in cameras[capture].items()})
        frame = joints[capture][str(image['frame_idx'])]
        moved = (np.array(frame['world_coord']) - camera.campos) @ camera.camrot.T  # (42, 3), mm
        points = moved[:, :2] / moved[:, 2:] * camera.focal + camera.princpt
        valid = np.ravel(frame['joint_valid']) * np.ravel(annotation['joint_valid'])
        for side in range(2):
            rows = slice(21 * side, 21 * side + 21)
            if valid[rows].all():
                size = float(math.prod(np.ptp(points[rows], axis=0)))
                ids = dict(image_id=image['id'], ann_id=2 * annotation['id'] + side)
                found.append(dict(ids, category_id=1, points=points[rows], area=size))
    return found


def true_poses(name: str, path: Path) -> list[dict[str, Any]]:
    """Returns the annotated poses of a format as poses without noise."""
    if name == 'interhand2d':
        return projected_hands(path.parent, path.name.removesuffix('_data.json'))
    content = json.loads(path.read_text())
    if name == 'mpii':
        numbers: dict[str, int] = {}
        return [
            dict(
                image_id=numbers.setdefault(row['image'], len(numbers)), ann_id=i, category_id=1,
                points=np.array(row['joints'], float), area=(200 * row['scale']) ** 2,
            )
            for i, row in enumerate(content)
        ]  # fmt: skip
    fields = [x for x in content['annotations'][0] if x == 'keypoints' or x.endswith('_kpts')]
    return [
        dict(
            {key: x[key] for key in ('image_id', 'category_id')}, ann_id=x['id'],
            points=np.concatenate([np.reshape(x[f], (-1, 3))[:, :2] for f in fields]),
            area=float(x['bbox'][2] * x['bbox'][3]),
        )
        for x in content['annotations']
    ]  # fmt: skip


def noisy_results(name: str, poses: list[dict[str, Any]], is_paired: bool) -> list[dict[str, Any]]:
    """Returns a result file: some poses near, some far, and duplicates where it may have them."""
    rng = np.random.default_rng(len(name))
    results = []
    for pose in poses * (1 if is_paired else 2):
        size = math.sqrt(max(pose['area'], 1.0))
        spread = size * rng.choice([0.005, 0.02, 0.05, 0.2])
        points = pose['points'] + rng.normal(size=pose['points'].shape) * spread
        triples = np.column_stack([points, rng.uniform(0.3, 1, len(points))]).round(3)
        entry = {key: pose[key] for key in ('image_id', 'category_id', 'ann_id')}
        entry['score'] = round(float(rng.uniform(0.2, 1)), 4)
        parts = {'keypoints': triples}
        if name == 'coco_wholebody':
            cuts = np.split(triples, np.cumsum([17, 6, 68, 21]))
            names = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')
            parts = dict(zip(names, cuts, strict=True))
        results.append(entry | {key: x.ravel().tolist() for key, x in parts.items()})
    return results


def random_annotations(path: Path, num_keypoints: int) -> None:
    """Writes a COCO annotation file of random poses."""
    rng = np.random.default_rng(num_keypoints)
    annotations = []
    for number in range(12):
        box = np.array([*rng.uniform(10, 200, 2), *rng.uniform(60, 250, 2)])
        points = box[:2] + rng.uniform(size=(num_keypoints, 2)) * box[2:]
        flags = 2.0 * (rng.uniform(size=num_keypoints) > 0.1)
        triples = np.column_stack([points, flags]).round(2)
        annotations.append(
            dict(
                id=number + 1, image_id=number // 2 + 1, category_id=1, iscrowd=0,
                keypoints=triples.ravel().tolist(), num_keypoints=int((flags > 0).sum()),
                bbox=box.round(2).tolist(), area=float(box[2] * box[3] * 0.6),
            )
        )  # fmt: skip
    images = [dict(id=i, file_name=f'{i}.jpg', width=640, height=480) for i in range(1, 7)]
    content = dict(images=images, annotations=annotations, categories=[dict(id=1, name='x')])
    path.write_text(json.dumps(content))
