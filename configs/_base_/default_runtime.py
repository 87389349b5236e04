"""How every run logs, saves, seeds and starts, whatever it trains."""
default_scope = 'mmpose'
custom_imports = dict(imports=['mmcv_custom'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    throughput=dict(type='ThroughputHook', interval=50),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=2, save_best='auto'),
    loss_guard=dict(type='LossGuardHook'),
    preview=dict(type='TrainingPreviewHook', interval=1000, max_samples=8),
    bad_cases=dict(type='BadCaseHook', num_worst=8, num_random=8),
    watchdog=dict(type='WatchdogHook'),
)
custom_hooks = []

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='PoseLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True, num_digits=6)
log_level = 'INFO'

load_from = None
resume = False
val_cfg = dict()
test_cfg = dict()
