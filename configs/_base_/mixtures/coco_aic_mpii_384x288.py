"""COCO, AIC and MPII in crops of 288x384 px; COCO and MPII with UDP, AIC without, as HAP has it."""
_base_ = ['./loaders.py']
from mmpose.config.mixture import compose_mixture

# name, fragment in data/, fragment in pipelines/
table = [
    ('coco', 'coco', 'topdown_udp_384x288'),
    ('aic', 'aic', 'topdown_msra_384x288'),
    ('mpii', 'mpii', 'topdown_udp_stretched_384x288'),
]
mixture = compose_mixture('{{ fileDirname }}/..', table)

names, metainfo, codecs = mixture.names, mixture.metainfo, mixture.codecs
train_dataloader = dict(dataset=dict(datasets=mixture.datasets['train']))
val_dataloader = dict(dataset=dict(datasets=mixture.datasets['val']))
test_dataloader = dict(dataset=dict(datasets=mixture.datasets['test']))
val_evaluator = dict(names=names, metrics=mixture.metrics['val'])
test_evaluator = dict(names=names, metrics=mixture.metrics['test'])
del compose_mixture, table, mixture
