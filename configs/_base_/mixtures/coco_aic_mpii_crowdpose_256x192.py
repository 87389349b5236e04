"""COCO, AIC, MPII and CrowdPose in crops of 192x256 px; COCO and MPII with UDP, as published."""
_base_ = ['./loaders.py']
from mmpose.config.mixture import compose_mixture

# name, fragment in data/, fragment in pipelines/
table = [
    ('coco', 'coco', 'topdown_udp_256x192'),
    ('aic', 'aic', 'topdown_msra_256x192'),
    ('mpii', 'mpii', 'topdown_udp_stretched_256x192'),
    ('crowdpose', 'crowdpose', 'topdown_msra_halfbody6_256x192'),
]
mixture = compose_mixture('{{ fileDirname }}/..', table)

names, metainfo, codecs = mixture.names, mixture.metainfo, mixture.codecs
train_dataloader = dict(dataset=dict(datasets=mixture.datasets['train']))
val_dataloader = dict(dataset=dict(datasets=mixture.datasets['val']))
test_dataloader = dict(dataset=dict(datasets=mixture.datasets['test']))
val_evaluator = dict(names=names, metrics=mixture.metrics['val'])
test_evaluator = dict(names=names, metrics=mixture.metrics['test'])
del compose_mixture, table, mixture
