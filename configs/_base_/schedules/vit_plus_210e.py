"""ViTPose+ on several datasets: AdamW with layer decay, 210 epochs, total batch 1024."""
_base_ = ['./vit_210e.py']
optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=1024)
