"""The six datasets of ViTPose+ and Animal-Pose as the seventh, in crops of 192x256 px."""
from mmengine import Config

_base_ = ['./loaders.py']
# name, fragment in data/, fragment in pipelines/
table = [
    ('coco', 'coco', 'topdown_udp_256x192'),
    ('aic', 'aic', 'topdown_msra_256x192'),
    ('mpii', 'mpii', 'topdown_udp_stretched_256x192'),
    ('ap10k', 'ap10k', 'topdown_msra_256x192'),
    ('apt36k', 'apt36k', 'topdown_msra_256x192'),
    ('wholebody', 'coco_wholebody', 'topdown_msra_256x192'),
    ('animalpose', 'animalpose', 'topdown_udp_256x192'),
]
root = '{{ fileDirname }}/..'
data = [Config.fromfile(f'{root}/data/{row[1]}.py') for row in table]
steps = [Config.fromfile(f'{root}/pipelines/{row[2]}.py') for row in table]

names = [row[0] for row in table]
metainfo = [one.metainfo for one in data]
codecs = [one.codec for one in steps]
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(one.train_dataloader.dataset, pipeline=own.train_pipeline)
            for one, own in zip(data, steps, strict=True)
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(one.val_dataloader.dataset, pipeline=own.val_pipeline)
            for one, own in zip(data, steps, strict=True)
        ]
    )
)
test_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(one.test_dataloader.dataset, pipeline=own.val_pipeline)
            for one, own in zip(data, steps, strict=True)
        ]
    )
)
val_evaluator = dict(names=names, metrics=[one.val_evaluator for one in data])
test_evaluator = dict(names=names, metrics=[one.test_evaluator for one in data])
del Config, table, root, data, steps
