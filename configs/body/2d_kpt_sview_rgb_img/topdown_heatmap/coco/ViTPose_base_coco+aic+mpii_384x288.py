"""HAP, multi-dataset: ViT-B with an expert and a head for each of COCO, AIC and MPII, 384x288.

Published (HAP, NeurIPS 2023): 78.2 AP on COCO, 93.6 PCKh on MPII, 38.1 AP on AIC. Start from the
weights of HAP: --cfg-options model.pretrained=CHECKPOINT. The heads have the joints of their
datasets; in the published config each has 17, so its mean is over the joints that are not there too.
"""
_base_ = [
    '../../../../_base_/default_runtime.py',
    '../../../../_base_/mixtures/coco_aic_mpii_384x288.py',
    '../../../../_base_/models/vitpose_multi_base.py',
    '../../../../_base_/schedules/vit_plus_210e.py',
]

model = dict(
    names=_base_.names,
    metainfo=_base_.metainfo,
    backbone=dict(type='ViTMoE', img_size=(384, 288), num_expert=3),
    heads=[
        dict(
            _base_.head,
            out_channels=num,
            decoder=codec,
            loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=num / 17),
        )
        for num, codec in zip((17, 14, 16), _base_.codecs, strict=True)
    ],
)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=5e-4), paramwise_cfg=dict(layer_decay_rate=0.75))
auto_scale_lr = dict(base_batch_size=512)
