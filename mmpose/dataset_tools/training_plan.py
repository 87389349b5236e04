"""Training plan of a new dataset: batch, epochs, rates and intervals from its number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmpose.engine.training_length import TrainingLength

MIN_BATCH = 4
BATCHES_PER_EPOCH = 6  # at least, for all but the smallest sets
MIN_ITERS, MIN_EPOCHS = 5000, 100  # ViTPose itself has 210 epochs of 150,000 samples
WARM_UP_SHARE, MAX_WARM_UP = 0.05, 500
NUM_VALIDATIONS = 20
MAX_LOG_INTERVAL = 50
MAX_PREVIEW_INTERVAL = 1000
PATIENCE = 8  # evaluations, of NUM_VALIDATIONS
AVERAGED_SHARE = 0.1  # of the iterations, over which the weights of a small set are averaged

Json = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """Optimizer of a model.

    Attributes:
        lr: Learning rate of AdamW for a batch of ``max_batch``.
        max_batch: Largest batch of one process.
        weight_decay: Weight decay.
        beta2: Decay of the second moments.
        layer_decay: Factor on the rate from a layer of the transformer to the one below it; None
            for one rate.
    """

    lr: float = 2.5e-4
    max_batch: int = 32
    weight_decay: float = 0.1
    beta2: float = 0.999
    layer_decay: float | None = None


RECIPES = {
    'tiny': Recipe(lr=1.5e-3, max_batch=16, weight_decay=0.05, beta2=0.99),
    'small': Recipe(layer_decay=0.8),
    'base': Recipe(layer_decay=0.75),
    'large': Recipe(layer_decay=0.8),
    'huge': Recipe(layer_decay=0.85),
}


@dataclass(frozen=True)
class TrainingPlan:
    """Training plan of a dataset.

    Attributes:
        recipe: Optimizer of the model.
        lr: Learning rate for the batch.
        length: Batch, epochs and iterations.
        small_data: Whether the weights are averaged, and the training stops early.
    """

    recipe: Recipe
    lr: float
    length: TrainingLength
    small_data: bool = False

    @property
    def config(self) -> Json:
        """Parts of a config."""
        recipe, length = self.recipe, self.length
        interval = max(length.num_epochs // NUM_VALIDATIONS, 1)
        log = min(MAX_LOG_INTERVAL, length.num_iters // length.num_epochs)
        optimizer = dict(
            type='AdamW', lr=self.lr, betas=(0.9, recipe.beta2), weight_decay=recipe.weight_decay
        )
        by_layer = dict(
            constructor='LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=recipe.layer_decay),
        )
        # mmengine's warm-up reaches the full rate one iteration before its end
        warm_up = dict(begin=0, end=length.warm_up_iters + 1, start_factor=0.001, by_epoch=False)
        momentum = 1 / max(AVERAGED_SHARE * length.num_iters, 1)
        hooks = [
            dict(type='EMAHook', momentum=float(f'{momentum:.2g}')),
            dict(type='PoseEarlyStoppingHook', patience=PATIENCE),
        ]
        return dict(
            train_cfg=dict(max_epochs=length.num_epochs, val_interval=interval),
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=optimizer,
                **(by_layer if recipe.layer_decay else {}),
                clip_grad=dict(max_norm=1.0, norm_type=2),
            ),
            param_scheduler=[
                dict(type='LinearLR', **warm_up),
                dict(
                    type='CosineAnnealingLR',
                    eta_min_ratio=0.01,
                    by_epoch=True,
                    convert_to_iter_based=True,
                ),
            ],
            auto_scale_lr=dict(enable=False, base_batch_size=length.batch_size),
            default_hooks=dict(
                logger=dict(interval=log),
                throughput=dict(interval=log),
                checkpoint=dict(interval=interval),
                preview=dict(interval=min(MAX_PREVIEW_INTERVAL, max(length.num_iters // 4, 1))),
            ),
            **(dict(custom_hooks=hooks) if self.small_data else {}),
        )


def plan_training(num_samples: int, model: str, small_data: bool = False) -> TrainingPlan:
    """Returns the plan of a training.

    The batch of a small set is so small that an epoch has several, there are so many epochs that
    the iterations suffice, and the rate is for just this batch: it goes with the root of the
    batch, as Adam wants it (Malladi et al., NeurIPS 2022).

    Args:
        num_samples: Samples of the training set.
        model: Key of ``RECIPES``.
        small_data: See ``TrainingPlan``.
    """
    recipe = RECIPES[model]
    batch_size = recipe.max_batch
    while batch_size > MIN_BATCH and batch_size * BATCHES_PER_EPOCH > num_samples:
        batch_size //= 2
    per_epoch = -(-num_samples // batch_size)
    lr = recipe.lr * (batch_size / recipe.max_batch) ** 0.5
    epochs = max(MIN_EPOCHS, -(-MIN_ITERS // per_epoch))
    num_iters = per_epoch * epochs
    warm_up = min(MAX_WARM_UP, max(round(WARM_UP_SHARE * num_iters), 1))
    length = TrainingLength(num_samples, batch_size, epochs, num_iters, warm_up)
    return TrainingPlan(recipe, float(f'{lr:.2g}'), length, small_data)
