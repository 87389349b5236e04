"""Curve pictures: size, panels, axes, and what the reader refuses."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mmpose.visualization import plot_training, read_scalars
from mmpose.visualization.curves import curve_of, find_epoch_ends, smooth_curve

SIZE = (600, 480)
BLUE_BGR = (235, 99, 37)


def train_records(epochs=3, per_epoch=4, interval=10):
    steps = np.arange(1, epochs * per_epoch + 1)
    return [
        {
            'loss': 1.0 / step,
            'lr': 1e-3,
            'data_time': 0.1,
            'epoch': (step - 1) // per_epoch + 1,
            'iter': step * interval,
            'step': step * interval,
        }
        for step in steps.tolist()
    ]


def val_records(epochs=3, dataset='coco'):
    return [
        {f'{dataset}/AP': 0.2 * e, f'{dataset}/AR': 0.9, 'time': 0.1, 'step': e}
        for e in range(1, epochs + 1)
    ]


def blue_rows(path):
    """Returns the rows of the strong curve, whose colour no axis or text has."""
    image = cv2.imread(str(path))
    assert image.shape == (SIZE[1], SIZE[0], 3)
    return np.nonzero((np.abs(image.astype(int) - BLUE_BGR) < 12).all(axis=2))


@pytest.mark.parametrize(
    ('records', 'upper', 'lower'),
    [
        (train_records() + val_records(), True, True),
        (train_records(), True, True),  # one panel fills the height
        (val_records(), True, True),
        (train_records(1, 1), True, False),  # one dot in the middle, and its name
    ],
)
def test_curves_are_in_their_panels(tmp_path, records, upper, lower):
    rows, _ = blue_rows(plot_training(records, tmp_path / 'new' / 'x.png', size_px=SIZE))
    assert (rows < SIZE[1] / 2 - 30).any() == upper
    assert (rows > SIZE[1] / 2 + 30).any() == lower


def test_falling_loss_falls(tmp_path):
    rows, columns = blue_rows(plot_training(train_records(), tmp_path / 'x.png', size_px=SIZE))
    legend = (rows < SIZE[1] * 0.2) & (columns > SIZE[0] / 2)
    rows, columns = rows[~legend], columns[~legend]
    assert rows[columns == columns.min()].mean() + 100 < rows[columns == columns.max()].mean()


def test_file_of_mmengine_equals_its_records(tmp_path):
    from mmengine.visualization import LocalVisBackend

    backend = LocalVisBackend(str(tmp_path))
    records = train_records() + val_records()
    for record in records:
        backend.add_scalars(record, step=record['step'])
    path = tmp_path / 'scalars.json'
    assert read_scalars(path) == records
    pictures = [
        plot_training(source, tmp_path / f'{i}.png').read_bytes()
        for i, source in enumerate([path, records])
    ]
    assert pictures[0] == pictures[1]


def test_metrics_choose_the_curve(tmp_path):
    records = val_records() + val_records(dataset='mpii')
    default, same, other = (
        plot_training(records, tmp_path / f'{i}.png', metrics=metrics).read_bytes()
        for i, metrics in enumerate([None, ['coco/AP', 'mpii/AP'], ['coco/AR']])
    )
    assert default == same != other


def test_without_ap_every_metric_is_drawn(tmp_path):
    records = [{'mpii/PCKh': 0.5, 'mpii/Head': 0.7, 'time': 1.0, 'step': 1}]
    first = plot_training(records, tmp_path / 'a.png').read_bytes()
    second = plot_training(records, tmp_path / 'b.png', metrics=['mpii/Head', 'mpii/PCKh'])
    assert first == second.read_bytes()


@pytest.mark.parametrize(
    ('epochs', 'steps', 'is_validated', 'step', 'expected'),
    [
        ([1, 1, 2, 2], [10, 20, 30, 40], False, 30, 1.5),
        ([1, 1, 2], [10, 20, 25], False, 25, 1.25),  # the second epoch goes on
        ([1, 1], [10, 20], True, 10, 0.5),
        ([1, 1], [10, 20], False, 10, 10),  # nothing tells how long an epoch is
        ([3, 4], [30, 40], False, 35, 3.5),  # resumed
        ([1, 2, 3], [40, 30, 60], False, 50, 2.5),  # resumed with shorter epochs
    ],
)
def test_iterations_become_epochs(epochs, steps, is_validated, step, expected):
    pairs = zip(epochs, steps, strict=True)
    train = [{'loss': 1.0, 'epoch': e, 'step': s} for e, s in pairs]
    ends = find_epoch_ends(train, is_validated)
    places = curve_of([{'loss': 1.0, 'step': step}], 'loss', ends)[:, 0]
    assert places == pytest.approx([expected])


def test_iteration_runs_have_no_epochs():
    assert find_epoch_ends([{'loss': 1.0, 'step': 5}], True) is None


def test_the_later_of_two_records_counts():
    records = [{'loss': 3.0, 'step': 2}, {'loss': 2.0, 'step': 1}, {'loss': 1.0, 'step': 2}]
    assert curve_of(records, 'loss', None).tolist() == [[1, 2], [2, 1]]


@pytest.mark.parametrize('num', [1, 3, 10, 500])
def test_smoothing_keeps_constants_and_calms_noise(num):
    np.testing.assert_allclose(smooth_curve(np.full(num, 2.5)), 2.5)
    noise = np.random.default_rng(0).normal(size=num)
    smooth = smooth_curve(noise)
    assert smooth.shape == noise.shape
    assert num < 3 or np.abs(np.diff(smooth)).sum() < np.abs(np.diff(noise)).sum()


def test_smoothing_does_not_lag():
    ramp = np.arange(500.0)
    np.testing.assert_allclose(smooth_curve(ramp)[20:-20], ramp[20:-20])


def test_values_that_are_not_finite_are_counted_not_hidden(tmp_path):
    records = train_records()
    plain = plot_training(records, tmp_path / 'a.png').read_bytes()
    lost = {**records[-1], 'loss': float('nan'), 'step': 130}
    with_nan = plot_training([*records, lost], tmp_path / 'b.png')
    assert cv2.imread(str(with_nan)) is not None
    assert with_nan.read_bytes() != plain


@pytest.mark.parametrize('values', [[0.0, -1.0, 2.0], [float('nan')] * 3])
def test_odd_losses_are_drawn(tmp_path, values):
    records = [{'loss': value, 'step': i} for i, value in enumerate(values)]
    image = cv2.imread(str(plot_training(records, tmp_path / 'x.png', size_px=SIZE)))
    assert image.shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize(
    ('records', 'metrics', 'message'),
    [
        ([], None, "0 records, but none has a 'loss' or a metric"),
        ([{'lr': 1.0, 'step': 1}], None, r"there are \['lr', 'step'\]"),
        ([{'coco/AP': 1.0, 'step': 1}], ['coco/PA'], r"has \['coco/PA'\]; .*'coco/AP'"),
        ([{'loss': 1.0}], None, "a record has no 'step'"),
    ],
)
def test_nothing_to_draw_is_refused(tmp_path, records, metrics, message):
    with pytest.raises(ValueError, match=message):
        plot_training(records, tmp_path / 'x.png', metrics=metrics)


@pytest.mark.parametrize(
    ('text', 'message'),
    [('{"loss": 1}\n{"lo', 'line 2 is not JSON'), ('[1, 2]', 'line 1 is .*expected a JSON object')],
)
def test_broken_files_are_refused(tmp_path, text, message):
    path = tmp_path / 'scalars.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        plot_training(path, tmp_path / 'x.png')


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json': expected the vis_data/scalars"):
        plot_training(tmp_path / 'nowhere.json', tmp_path / 'x.png')


def test_matplotlib_is_imported_late_and_pyplot_never(tmp_path):
    (tmp_path / 'scalars.json').write_text(json.dumps({'loss': 1.0, 'step': 1}))
    code = (
        'import sys; from mmpose.visualization import plot_training\n'
        'assert "matplotlib" not in sys.modules\n'
        'plot_training("scalars.json", "x.png")\n'
        'assert "matplotlib.pyplot" not in sys.modules\n'
    )
    path = [p for p in sys.path if p]
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path[:0] = {path!r}\n{code}'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
