"""Curves, times and tables of runs, ours and those of MMPose 0.x, and logs that lack something."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.analysis.error_tables import format_table
from mmpose.analysis.log_tables import (
    measure_train_time,
    metric_table,
    time_table,
)
from mmpose.analysis.logs import plot_curves, primary_keys, read_run, read_runs
from mmpose.visualization.run_curves import Panel, plot_runs

ROOT = Path(__file__).parents[2]


def train(epoch, i, loss, time=0.2):
    step = (epoch - 1) * 40 + i
    speeds = dict(time=time, images_per_s=16 / time, data_wait=0.05)
    return dict(lr=1e-3, loss=loss, **speeds, epoch=epoch, iter=step, step=step)


def records(offset=0.0):
    found = []
    for epoch in (1, 2, 3):
        # workers start in the first record of an epoch
        found += [train(epoch, i, 1 / (epoch * i), 0.9 if i == 10 else 0.2) for i in (10, 20, 40)]
        found.append({'coco/AP': 0.1 * epoch + offset, 'coco/AR': 0.9, 'time': 1.0, 'step': epoch})
    return found


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(map(json.dumps, content)))
    return path


@pytest.fixture
def work_dirs(tmp_path):
    """A run that was interrupted in its second epoch and resumed, and one in one piece."""
    content = records()
    lost = [train(2, 10, 9.0, 50.0)]
    write(tmp_path / 'a/20260101_000000/vis_data/scalars.json', content[:4] + lost)
    write(tmp_path / 'a/20260102_000000/vis_data/scalars.json', content[4:])
    write(tmp_path / 'b/20260101_000000/vis_data/scalars.json', records(-0.05))
    return tmp_path / 'a', tmp_path / 'b'


@pytest.mark.parametrize(
    'place', ['', '20260102_000000', '20260102_000000/vis_data/scalars.json', '20260102_000000.log']
)
def test_a_run_is_found_from_any_place_in_it(work_dirs, place):
    path = work_dirs[0] / place
    if path.suffix == '.log':
        path = work_dirs[0] / '20260102_000000' / path.name
        path.write_text('text')
    run = read_run(path)
    assert run.name == 'a'
    assert run.val[-1]['coco/AP'] == pytest.approx(0.3)
    assert len(run.train) == (10 if place == '' else 6)


def test_the_resumed_record_counts(work_dirs):
    curve, unit = read_run(work_dirs[0]).curve('loss')
    assert unit == 'epoch'
    assert curve[:, 1].max() == pytest.approx(0.1)
    assert curve[:, 0] == pytest.approx([1 / 4, 1 / 2, 1, 5 / 4, 3 / 2, 2, 9 / 4, 5 / 2, 3])


def test_logs_of_mmpose_0_are_read(tmp_path):
    """Lines as in the published logs: iterations count within the epoch, 50 of 60 are logged."""
    lines = [{'env_info': 'sys.platform: linux', 'seed': 0}]
    for epoch in (1, 2):
        common = dict(mode='train', epoch=epoch, lr=5e-4, memory=9001, acc_pose=0.5, time=0.3)
        lines += [{**common, 'iter': i, 'loss': 0.001 / epoch} for i in (25, 50)]
    lines.append({'mode': 'val', 'epoch': 2, 'iter': 407, 'lr': 5e-4, 'AP': 0.7, 'AP .5': 0.9})
    path = write(tmp_path / '20220801_000000.log.json', lines)
    run = read_run(path)
    assert read_run(tmp_path).train == run.train
    assert [record['step'] for record in run.train] == [25, 50, 75, 100]
    assert run.val == [{'AP': 0.7, 'AP .5': 0.9, 'step': 2}]
    assert primary_keys(run) == ['AP']
    table = metric_table([run])
    assert [row[1:] for row in table.rows] == [
        ['loss', '0.0005', 'epoch 1.5', '0.0005', 'epoch 2'],
        ['AP', '0.7', 'epoch 2', '0.7', 'epoch 2'],
    ]


@pytest.mark.parametrize(('outliers', 'mean'), [(False, 0.2), (True, (0.9 + 0.2 + 0.2) / 3)])
def test_time_leaves_the_start_of_workers_out(work_dirs, outliers, mean):
    time = measure_train_time(read_run(work_dirs[0]), outliers)
    assert time.epochs.tolist() == [1, 2, 3]
    assert time.mean == pytest.approx(mean)
    assert time.means == pytest.approx([mean] * 3)
    # 10 iterations of 0.9 s and 30 of 0.2 s an epoch, nothing of the record that was lost
    assert time.total == pytest.approx(3 * (9 + 6))
    assert time.data_wait == pytest.approx(0.05)


def test_slowest_and_fastest_epochs_are_named(tmp_path):
    content = [train(e, i, 1.0, {1: 0.3, 2: 0.5, 3: 0.1}[e]) for e in (1, 2, 3) for i in (10, 20)]
    write(tmp_path / 'a/20260101_000000/vis_data/scalars.json', content)
    line = format_table(time_table([read_run(tmp_path / 'a')])).splitlines()[-1]
    assert '0.5000 (2)' in line
    assert '0.1000 (3)' in line
    assert line.split()[2] == '0.3000'


def test_one_record_an_epoch_is_no_outlier(tmp_path):
    content = [train(1, 10, 1.0, 0.3), train(2, 10, 1.0, 0.5)]
    write(tmp_path / 'a/20260101_000000/vis_data/scalars.json', content)
    assert measure_train_time(read_run(tmp_path / 'a')).mean == pytest.approx(0.4)


def test_best_of_errors_is_the_lowest(tmp_path):
    content = [{'wflw/NME': value, 'step': i} for i, value in enumerate((0.3, 0.1, 0.2), start=1)]
    write(tmp_path / 'a/20260101_000000/vis_data/scalars.json', content)
    row = metric_table([read_run(tmp_path / 'a')]).rows[0]
    assert row[1:] == ['wflw/NME', '0.1', 'epoch 2', '0.2', 'epoch 3']


def test_runs_of_one_name_are_told_apart(tmp_path):
    for folder in 'xy':
        write(tmp_path / folder / 'run/20260101_000000/vis_data/scalars.json', records())
    names = [run.name for run in read_runs([tmp_path / 'x/run', tmp_path / 'y/run'])]
    assert names == [str(tmp_path / 'x/run'), str(tmp_path / 'y/run')]


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, 'argv', ['analyze_logs.py', *map(str, words)])
    runpy.run_path(str(ROOT / 'tools/analysis/analyze_logs.py'), run_name='__main__')
    return capsys.readouterr().out


def test_the_commands(work_dirs, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'new/curves.png'
    text = call(monkeypatch, capsys, 'plot_curve', *work_dirs, '--out', out, '--title', 'Two runs')
    assert str(out) in text
    image = cv2.imread(str(out))
    assert image.shape[0] > 900  # two panels: the loss and the AP that both have
    assert 'coco/AP' in call(monkeypatch, capsys, 'table', *work_dirs)
    assert '0.2000' in call(monkeypatch, capsys, 'cal_train_time', *work_dirs)


def test_every_run_has_a_curve_in_its_place(tmp_path):
    """The upper curve is blue, the lower one orange, whatever stands in the legend."""
    places = np.arange(1, 6.0)
    curves = {'high': np.c_[places, places + 10], 'low': np.c_[places, places]}
    path = plot_runs([Panel('coco/AP', 'epoch', curves)], tmp_path / 'x.png')
    image = cv2.imread(str(path)).astype(int)
    blue, orange = (
        np.nonzero((np.abs(image - bgr) < 12).all(axis=2))[0]
        for bgr in ((235, 99, 37), (12, 88, 234))
    )
    assert blue.mean() + 100 < orange.mean()  # the legend has a little of both


@pytest.mark.parametrize(('style', 'suffix'), [('dark', 'png'), ('ggplot', 'svg')])
def test_styles_and_formats(work_dirs, tmp_path, style, suffix):
    plain, styled = tmp_path / f'a.{suffix}', tmp_path / f'b.{suffix}'
    plot_curves(work_dirs, ['loss'], plain)
    plot_curves(work_dirs, ['loss'], styled, style=style)
    assert plain.read_bytes() != styled.read_bytes()


def test_legend_names_runs_or_curves(work_dirs, tmp_path):
    pictures = []
    for legend in (['x', 'y'], ['x', 'x', 'y', 'y']):
        plot_curves(work_dirs, ['loss', 'coco/AP'], tmp_path / 'a.png', legend=legend)
        pictures.append((tmp_path / 'a.png').read_bytes())
    assert pictures[0] == pictures[1]


BAD = {
    'key': (dict(keys=['coco/PA']), "a has no 'coco/PA'; it has lr, loss, time, .*coco/AP"),
    'legend': (dict(legend=['x', 'y', 'z']), '--legend has 3 names; expected one for each of 2'),
    'equal names': (dict(legend=['x', 'x']), "two curves of 'loss' have the same name"),
    'style': (dict(style='drak'), "--style is 'drak', expected one of white, dark,"),
    'format': (dict(out='x.what'), "Format 'what' is not supported"),
    'no display': (dict(out=None), 'has no windows here; --out FILE.png writes'),
    'backend': (dict(out=None, backend='QtNone'), "'QtNone' is not a valid value for backend"),
}


@pytest.mark.parametrize(('options', 'sentence'), BAD.values(), ids=BAD)
def test_bad_options_are_refused(work_dirs, tmp_path, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        plot_curves(work_dirs, **{'out': tmp_path / 'x.png', **options})


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no work dir of a training: it has no <time>/vis'):
        read_run(tmp_path / 'empty')
    with pytest.raises(FileNotFoundError, match='nowhere does not exist; expected a work dir'):
        read_run(tmp_path / 'nowhere')
    (tmp_path / 'a.log').write_text('text')
    with pytest.raises(FileNotFoundError, match='is the log as text; its metrics are expected'):
        read_run(tmp_path / 'a.log')
    path = write(tmp_path / 'run/20260101_000000/vis_data/scalars.json', [])
    with pytest.raises(ValueError, match='holds no records yet'):
        read_run(tmp_path / 'run')
    write(path, [{'loss': 1.0, 'step': 1}])
    with pytest.raises(ValueError, match="run logs no 'time' of iterations"):
        time_table([read_run(tmp_path / 'run')])
    assert metric_table([read_run(tmp_path / 'run')]).rows[0][1] == 'loss'
    other = write(tmp_path / 'other/scalars.json', [{'coco/AP': 0.5, 'step': 1}])
    with pytest.raises(ValueError, match=r'neither a loss nor a metric in common; .*run has loss'):
        plot_curves([tmp_path / 'run', other], out=tmp_path / 'x.png')
