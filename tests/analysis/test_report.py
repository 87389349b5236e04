"""The report of a run: what it holds, that it needs nothing else, and folders that are no runs."""

import base64
import json
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from analysis_data import make_people, write_poses
from mmengine.config import Config

from mmpose.analysis.report import write_report
from mmpose.analysis.run_config import config_differences, find_base
from mmpose.apis import load_config
from mmpose.apis.test import prepare_test
from mmpose.apis.train import prepare_training
from mmpose.evaluation.functional import evaluate_files
from mmpose.metainfo import load_metainfo

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
CHROMIUM = next(filter(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')), None)
VOID = {'meta', 'img', 'br', 'link'}


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    make_people(root, num=12)
    return root


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))


def write_run(work_dir, data_root, noise=0.06, is_tested=True):
    """Writes what train.py and test.py leave but for checkpoints."""
    start = work_dir / '20260101_000000'
    (start / 'vis_data').mkdir(parents=True)
    options = {'model.backbone.depth': 4, 'optim_wrapper.optimizer.lr': 2e-3}
    cfg = load_config(CONFIG, options, str(data_root))
    prepare_training(cfg, work_dir=str(work_dir), seed=3).dump(work_dir / 'config.py')
    records = [
        dict(loss=0.1 / i, time=0.5, images_per_s=32.0, data_wait=0.1, epoch=i, iter=i, step=i)
        for i in (1, 2)
    ]
    records.append({'coco/AP': 0.4, 'step': 2})
    (start / 'vis_data/scalars.json').write_text('\n'.join(map(json.dumps, records)))
    (start / 'a.log').write_text(f'- INFO - Exp name: {CONFIG.stem}_20260101_000000\n')
    (start / 'environment.txt').write_text('PyTorch: 2.9\nbuild details: x\n  - GCC: 1\nseed: 3\n')
    if is_tested:
        cfg = load_config(CONFIG, options, str(data_root))
        prepare_test(cfg, 'none.pth', work_dir=str(work_dir)).dump(work_dir / 'test_config.py')
        dataset = cfg.test_dataloader.dataset
        ann_file = Path(dataset.data_root) / dataset.ann_file
        results = write_poses(work_dir / 'result_keypoints.json', ann_file, noise)
        figures = evaluate_files(ann_file, results, load_metainfo('coco').sigmas)
        figures = {f'coco/{name}': value for name, value in figures.items()}
        (work_dir / 'metrics.json').write_text(json.dumps(figures))
    return work_dir


class Nesting(HTMLParser):
    """Collects tags that are closed out of order, and every address."""

    def __init__(self, text):
        super().__init__()
        self.open, self.faults, self.addresses = [], [], []
        self.feed(text)
        self.faults += self.open

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ('src', 'href')]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def pictures(page):
    parts = re.findall(r'data:image/\w+;base64,([^"]+)"', page)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(p), np.uint8), 1) for p in parts]


def test_a_page_holds_the_run_and_needs_nothing_else(data_root, tmp_path):
    work_dir = write_run(tmp_path / 'mine', data_root)
    text = write_report([work_dir], num_worst=2, num_random=3)
    page_file = work_dir / 'report.html'
    assert text.startswith(f'report: {page_file} (')
    page = page_file.read_text()
    parsed = Nesting(page)
    assert parsed.faults == []
    assert all(re.match(r'#|data:image/(png|jpeg);base64,', x) for x in parsed.addresses)
    assert not re.search(r'https?://|<script|<link|@import|url\(', page)
    headings = re.findall(r'<h2[^>]*>([^<]+)', page)
    assert headings == [
        *['Metrics', 'Curves', 'Kinds of error', 'Keypoints', 'Worst images', 'Random images'],
        *['Training time', 'Cost of the model', 'Config', 'Environment'],
    ]
    assert all(f'id="section{i + 1}"' in page for i in range(len(headings)))
    assert len(pictures(page)) == 2 + 2 + 3  # the curves and the bar come first
    ap = json.loads((work_dir / 'metrics.json').read_text())['coco/AP']
    assert page.count(f'{ap:.4f}') == 2  # a tile and the table
    assert re.search(r'AP \d+\.\d of \d+ people', page)
    assert '<td class="code">model.backbone.depth</td><td class="code">2</td>' in page
    assert 'optim_wrapper.optimizer.lr' in page
    assert 'data_root</td>' not in page  # moved data is no difference
    assert '<td>PyTorch</td><td' in page
    assert 'class="bar"><i style="width:' in page


def test_keypoint_bars_follow_the_keypoints(data_root, tmp_path):
    work_dir = write_run(tmp_path / 'mine', data_root)
    poses = json.loads((work_dir / 'result_keypoints.json').read_text())
    for pose in poses:
        pose['keypoints'][27:29] = [9e3, 9e3]  # the left wrist
    (work_dir / 'result_keypoints.json').write_text(json.dumps(poses))
    write_report([work_dir], num_worst=0, num_random=0)
    page = (work_dir / 'report.html').read_text()
    bars = re.findall(r'<td>([a-z ]+)</td><td class="bar"><i style="width:([\d.]+)rem"></i>', page)
    widths = {name: float(width) for name, width in bars}
    assert len(widths) == 17
    assert widths.pop('left wrist') == 0
    assert min(widths.values()) > 0


def test_several_runs_share_a_page(data_root, tmp_path):
    first = write_run(tmp_path / 'first', data_root)
    second = write_run(tmp_path / 'second', data_root, is_tested=False)
    out = tmp_path / 'both.html'
    write_report([first, second], out=out, num_worst=1, num_random=1)
    page = out.read_text()
    assert '<h1>Report on first, second</h1>' in page
    assert 'second has not been tested' in page
    assert 'second, coco/AP, best in training' in page
    assert '>first: Worst images<' in page
    assert '>second: Config<' in page
    assert not (first / 'report.html').exists()
    assert Nesting(page).faults == []


def test_missing_images_cost_the_pictures_only(data_root, tmp_path):
    work_dir = write_run(tmp_path / 'mine', data_root)
    text = (work_dir / 'test_config.py').read_text()
    (work_dir / 'test_config.py').write_text(text.replace(str(data_root), '/nowhere'))
    text = write_report([work_dir])
    assert text.startswith('note: no errors and pictures: ')
    assert 'does not exist' in text
    page = (work_dir / 'report.html').read_text()
    assert 'no errors and pictures: ' in page
    assert '>Curves<' in page


def test_base_can_be_named(data_root, tmp_path):
    work_dir = write_run(tmp_path / 'mine', data_root, is_tested=False)
    assert find_base(work_dir) == CONFIG
    write_report([work_dir], base=work_dir / 'config.py')
    assert 'Nothing differs from' in (work_dir / 'report.html').read_text()
    (work_dir / '20260101_000000/a.log').unlink()
    assert find_base(work_dir) is None


def test_differences_of_configs():
    base = Config(
        dict(a=dict(x=1, y=[1, 2], z=None), pipe=[dict(t=1), dict(t=2)], root='data/toy/')
    )
    run = Config(
        dict(
            a=dict(x=1, y=(1, 3)),
            pipe=[dict(t=1), dict(t=5, u=6)],
            root='/disk/toy/',
            work_dir='w',
            seed=3,
        )
    )
    assert config_differences(run, base) == [
        ('a.y', '[1, 2]', '[1, 3]'),
        ('pipe.1.t', '2', '5'),
        ('pipe.1.u', '-', '6'),
        ('seed', '-', '3'),
    ]
    assert config_differences(Config(dict(a=None)), Config(dict(a=dict(x=1)))) == []


def test_what_is_no_run_is_refused(tmp_path, monkeypatch, capsys):
    sentence = 'is no work dir: it has neither metrics.json nor <time>/vis_data/scalars.json'
    with pytest.raises(FileNotFoundError, match=sentence):
        write_report([tmp_path / 'nowhere'])
    (tmp_path / 'cut').mkdir()
    (tmp_path / 'cut/metrics.json').write_text('{"coco/AP":')
    with pytest.raises(ValueError, match=r'metrics.json is damaged .*; run tools/test.py'):
        write_report([tmp_path / 'cut'])
    with pytest.raises(ValueError, match='--num-worst is 99; expected 0 to 40'):
        write_report([tmp_path], num_worst=99)
    monkeypatch.setattr(sys, 'argv', ['report.py', str(tmp_path)])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / 'tools/analysis/report.py'), run_name='__main__')
    assert sentence in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason='no chromium is installed to open the page with')
def test_a_browser_opens_it_without_a_complaint(data_root, tmp_path):
    work_dir = write_run(tmp_path / 'mine', data_root)
    write_report([work_dir], num_worst=1, num_random=1)
    picture = tmp_path / 'page.png'
    done = subprocess.run(
        [
            *[CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'],
            *[f'--user-data-dir={tmp_path / "profile"}', '--window-size=1200,1500'],
            *[f'--screenshot={picture}', f'file://{work_dir / "report.html"}'],
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert 'CONSOLE' not in done.stderr
    assert cv2.imread(str(picture)).std() > 20, done.stderr  # text and curves, not a blank page


def test_without_oks_the_predictions_are_drawn(data_root, tmp_path):
    work_dir = write_run(tmp_path / 'mine', data_root)
    text = (work_dir / 'test_config.py').read_text()
    (work_dir / 'test_config.py').write_text(
        text + "\ntest_evaluator = [dict(type='PCKAccuracy')]\n"
    )
    assert 'note' not in write_report([work_dir], num_random=4)
    page = (work_dir / 'report.html').read_text()
    assert '>Predictions<' in page
    assert 'which PCKAccuracy does not use' in page
    assert pictures(page)[1].shape[1] > 4 * 400  # a row of four
