"""A run that is killed again and again has the losses and evaluations of one that is not."""

import os
import subprocess
import sys
from pathlib import Path

from training import ROOT, losses, records

HERE = Path(__file__).parent


def test_a_killed_run_loses_nothing(data_root, tmp_path):
    path = os.pathsep.join([str(HERE), str(ROOT), os.environ.get('PYTHONPATH', '')])
    seed = int.from_bytes(os.urandom(2), 'big')
    done = subprocess.run(
        [sys.executable, HERE / 'kill_worker.py', data_root, tmp_path, str(seed)],
        env={**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    assert done.returncode == 0, (seed, done.stdout[-4000:])
    killed, whole = tmp_path / 'killed', tmp_path / 'whole'
    assert losses(killed) == losses(whole), seed
    assert len(losses(whole)) == 12
    evaluated = [{r['step']: r for r in records(x) if 'coco/AP' in r} for x in (killed, whole)]
    for figures in evaluated:
        assert sorted(figures) == [1, 2, 3], (seed, done.stdout[-4000:])
    for epoch, figures in evaluated[1].items():
        assert evaluated[0][epoch]['coco/AP'] == figures['coco/AP']
    left = [sorted(path.name for path in x.glob('*.pth*')) for x in (killed, whole)]
    assert left[0] == left[1]
