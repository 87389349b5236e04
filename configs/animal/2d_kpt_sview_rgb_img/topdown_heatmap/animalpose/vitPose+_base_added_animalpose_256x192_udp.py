"""ViTPose+-B with Animal-Pose as a seventh dataset: a new expert and a new head, all else frozen.

An example of how a dataset is added to a trained model; no figure is published. The results on the
six datasets stay what they were, because nothing of theirs is trained. Only the data of
Animal-Pose are read; to evaluate others too, set test_dataloader.dataset.only.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/mixtures/vitpose_plus_animalpose_256x192.py',
    '../../../../_base_/models/vitpose_multi_base.py',
    '../../../../_base_/schedules/vit_210e.py',
]

model = dict(
    names=_base_.names,
    metainfo=_base_.metainfo,
    pretrained='checkpoints/vitpose+_base.pth',
    pretrained_metainfo=_base_.metainfo[:6],
    # the new expert and head start as those of AP-10K
    backbone=dict(
        type='ViTMoE', num_expert=7, freeze_shared=True, trained_expert=6, new_expert_from=3
    ),
    heads=[
        dict(_base_.head, out_channels=num, decoder=codec)
        for num, codec in zip((17, 14, 16, 17, 17, 133, 20), _base_.codecs, strict=True)
    ],
)
train_dataloader = dict(batch_size=64, dataset=dict(only=[6]))
val_dataloader = dict(dataset=dict(only=[6]))
test_dataloader = dict(dataset=dict(only=[6]))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
