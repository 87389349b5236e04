"""Warm-up of the published schedules: mmcv's, which has the full rate from iteration 500 on."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import LinearLR

SCHEDULES = Path(__file__).parents[2] / 'configs/_base_/schedules'
PUBLISHED = [path for path in sorted(SCHEDULES.glob('*.py')) if not path.stem.startswith('toy')]


def mmcv_factor(iteration):
    """Linear warm-up of mmcv 1.x with warmup_iters=500 and warmup_ratio=0.001."""
    return 1 - (1 - min(iteration, 500) / 500) * (1 - 0.001)


@pytest.mark.parametrize('path', PUBLISHED, ids=lambda path: path.stem)
def test_full_rate_comes_at_iteration_500(path):
    config = Config.fromfile(path).param_scheduler[0]
    assert config.pop('type') == 'LinearLR'
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = LinearLR(OptimWrapper(optimizer), **config)
    rates = [optimizer.param_groups[0]['lr']]
    for _ in range(501):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]['lr'])
    assert rates[499] == pytest.approx(2 * mmcv_factor(499), rel=1e-9)
    assert rates[499] < 1.997
    assert rates[500] == rates[501] == pytest.approx(2.0, rel=1e-9)
    assert rates == pytest.approx([2 * mmcv_factor(i) for i in range(502)], rel=1e-9)
