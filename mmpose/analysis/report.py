"""HTML report on one run or several: metrics, curves, errors, pictures, cost, time, config."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
from mmengine.config import Config

from mmpose.analysis.complexity import complexity_table, measure_complexity
from mmpose.analysis.log_tables import format_duration, measure_train_time, metric_table
from mmpose.analysis.log_tables import time_table as train_time_table
from mmpose.analysis.logs import RunLog, plot_curves, primary_keys, read_run
from mmpose.analysis.report_cases import add_dataset
from mmpose.analysis.run_config import config_differences, find_base, read_run_config
from mmpose.analysis.summary import Tested, read_tested
from mmpose.apis.train import METRICS_FILE
from mmpose.config.load import load_config, read_recorded_config
from mmpose.engine.runner import TEST_CONFIG
from mmpose.evaluation.metrics import primary_metric
from mmpose.visualization import HtmlReport
from mmpose.visualization.html_report import Code

PAGE_FILE = 'report.html'
ENVIRONMENT_FILE = 'environment.txt'
BUILD_DETAILS = '  - '  # lines of the environment that tell how torch was built
MOST_PICTURES = 40  # of a kind and dataset, which keeps the page below some 20 MB


@dataclass(frozen=True)
class Run:
    """Content of a work dir.

    Attributes:
        name: Of the folder.
        folder: The work dir.
        log: Of the training; None if it was not trained here.
        config: Of the training, else of the test; None if there is none.
        metrics: Metrics of the test by name; none if it was not tested.
        tested: Datasets with result files.
    """

    name: str
    folder: Path
    log: RunLog | None
    config: Config | None
    metrics: dict[str, float]
    tested: list[Tested]


def write_report(
    work_dirs: Sequence[str | Path],
    out: str | Path | None = None,
    base: str | Path | None = None,
    num_worst: int = 8,
    num_random: int = 8,
) -> str:
    """Writes a page on runs: where the page is, and what could not be put into it.

    Args:
        work_dirs: Folders in which tools/train.py or tools/test.py have run, or both.
        out: The page; None is ``report.html`` in the first work dir.
        base: Config that those of the runs are compared with; None takes the one of the
            repository that each run was started with.
        num_worst: Images with the highest loss to draw, of each dataset.
        num_random: Random images to draw, of each dataset.

    Raises:
        FileNotFoundError: If a folder is no work dir, or the base is missing.
        ValueError: If a number is out of range, or a file is damaged.
    """
    for name, num in (('worst', num_worst), ('random', num_random)):
        if not 0 <= num <= MOST_PICTURES:
            raise ValueError(f'--num-{name} is {num}; expected 0 to {MOST_PICTURES}')
    runs = [read_work_dir(path) for path in work_dirs]
    base_config = None if base is None else load_config(base, check=False)
    page = HtmlReport(f'Report on {", ".join(run.name for run in runs)}', has_contents=True)
    notes: list[str] = []
    page.tiles(_tiles(runs[0]) if len(runs) == 1 else _primary_metrics(runs))
    _add_metrics(page, runs)
    _add_curves(page, runs, notes)
    labelled = [(run, f'{run.name}: ' if len(runs) > 1 else '') for run in runs]
    for run, label in labelled:
        _add_tests(page, run, label, num_worst, num_random, notes)
    timed = [run.log for run in runs if run.log is not None and run.log.has_times]
    if timed:
        train_time_table(timed).add_to(page)
    for run, label in labelled:
        _add_cost(page, run, label, notes)
        _add_config(page, run, label, base_config, base)
        _add_environment(page, run, label)
    path = page.write(out or runs[0].folder / PAGE_FILE)
    size = path.stat().st_size / 1e6
    return '\n'.join([*(f'note: {note}' for note in notes), f'report: {path} ({size:.1f} MB)'])


def read_work_dir(path: str | Path) -> Run:
    """Reads a work dir.

    Raises:
        FileNotFoundError: If it is none: without logs of a training and metrics of a test.
    """
    folder = Path(path)
    is_tested = (folder / METRICS_FILE).is_file()
    is_trained = folder.is_dir() and any(folder.glob('*/vis_data/scalars.json'))
    if not is_tested and not is_trained:
        raise FileNotFoundError(
            f'{folder} is no work dir: it has neither {METRICS_FILE} nor '
            '<time>/vis_data/scalars.json; give the --work-dir of tools/train.py or tools/test.py'
        )
    log = read_run(folder) if is_trained else None
    if log is not None and not log.train:
        log = None
    metrics = _read_metrics(folder / METRICS_FILE) if is_tested else {}
    tested = []
    if is_tested and (folder / TEST_CONFIG).is_file():
        cfg = read_recorded_config(folder / TEST_CONFIG)
        tested = [one for one in read_tested(folder, cfg) if one.results_path.is_file()]
    name = folder.resolve().name
    return Run(name, folder, log, read_run_config(folder), metrics, tested)


def _read_metrics(path: Path) -> dict[str, float]:
    try:
        return dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{path} is damaged ({error}); run tools/test.py with this work dir again'
        ) from None


def _tiles(run: Run) -> dict[str, str]:
    """Returns the primary metrics of a run."""
    tiles = {}
    if run.metrics:
        key = primary_metric(list(run.metrics))
        tiles[f'{key}, test'] = f'{run.metrics[key]:.4f}'
    if run.log is not None:
        for row in metric_table([run.log]).rows:
            if row[1] in ('loss', *primary_keys(run.log)[:1]):
                tiles[f'{row[1]}, best at {row[3]}'] = row[2]
        if run.log.has_times:
            time = measure_train_time(run.log)
            tiles['training'] = format_duration(time.total)
            tiles['s an iteration'] = f'{time.mean:.3f}'
    return tiles


def _primary_metrics(runs: Sequence[Run]) -> dict[str, str]:
    """Returns the primary metric of each run: of the test, else the best in training."""
    metrics = {}
    for run in runs:
        if run.metrics:
            key = primary_metric(list(run.metrics))
            metrics[f'{run.name}, {key}'] = f'{run.metrics[key]:.4f}'
        elif run.log is not None and run.log.val:
            (row,) = metric_table([run.log], primary_keys(run.log)[:1]).rows
            metrics[f'{run.name}, {row[1]}, best in training'] = row[2]
    return metrics


def _add_metrics(page: HtmlReport, runs: Sequence[Run]) -> None:
    page.heading('Metrics')
    keys = list(dict.fromkeys(key for run in runs for key in run.metrics))
    if keys:
        columns = ['test', *(run.name for run in runs)]
        page.table(columns, [[key, *(run.metrics.get(key, '-') for run in runs)] for key in keys])
    for run in runs:
        if not run.metrics:
            page.text(f'{run.name} has not been tested: tools/test.py with its work dir does.')
    logs = [run.log for run in runs if run.log is not None]
    if logs:
        metric_table(logs).add_to(page, is_part=True)


def _add_curves(page: HtmlReport, runs: Sequence[Run], notes: list[str]) -> None:
    trained = [run.folder for run in runs if run.log is not None]
    if not trained:
        notes.append('no curves: there are no logs of a training')
        return
    page.heading('Curves')
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, 'curves.png')
        plot_curves(trained, out=picture)
        page.picture(cv2.imread(str(picture)), lossless=True)


def _add_tests(
    page: HtmlReport, run: Run, label: str, num_worst: int, num_random: int, notes: list[str]
) -> None:
    for tested in run.tested:
        name = f'{label}{tested.name}: ' if tested.name else label
        try:
            add_dataset(page, tested, name, num_worst, num_random)
        except (FileNotFoundError, ValueError) as error:
            notes.append(f'{name}no errors and pictures: {error}')
            page.text(f'{name}no errors and pictures: {error}')


def _add_cost(page: HtmlReport, run: Run, label: str, notes: list[str]) -> None:
    if run.config is None:
        return
    page.heading(f'{label}Cost of the model')
    try:
        complexity_table(measure_complexity(run.config.model.to_dict())).add_to(page, is_part=True)
    except (KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        # a model with parts of its own, which may not run without memory
        notes.append(f'{label}the cost was not counted: {error}')
        page.text(f'The cost was not counted: {error}')


def _add_config(
    page: HtmlReport, run: Run, label: str, base: Config | None, base_path: str | Path | None
) -> None:
    if run.config is None:
        return
    page.heading(f'{label}Config')
    path = find_base(run.folder) if base is None else base_path
    if path is None:
        page.text('No config of the repository has the name of this run; --base names one.')
    else:
        base = load_config(path, check=False) if base is None else base
        rows = config_differences(run.config, base)
        page.text(f'What differs from {path}:' if rows else f'Nothing differs from {path}.')
        if rows:
            page.table(['setting', 'there', 'here'], [list(map(Code, row)) for row in rows])
    page.details('the whole config', run.config.pretty_text)


def _add_environment(page: HtmlReport, run: Run, label: str) -> None:
    files = sorted(run.folder.glob(f'*/{ENVIRONMENT_FILE}'))
    if not files:
        return
    text = files[-1].read_text()
    lines = [line for line in text.splitlines() if ': ' in line]
    lines = [line for line in lines if not line.startswith(BUILD_DETAILS)]
    page.heading(f'{label}Environment')
    page.table(['what', 'value'], [line.split(': ', 1) for line in lines if 'details' not in line])
    page.details('the whole environment', text)
