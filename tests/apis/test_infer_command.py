"""tools/infer.py: its flags, those of MMPose's demos, and every file it writes."""

import _thread
import argparse
import csv
import json
import runpy
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpose.apis import PoseInferencer
from mmpose.apis.inference.command import Outputs, run_inference
from mmpose.apis.inference.infer_options import inferencer_of, outputs_of
from mmpose.apis.inference.result_files import (
    CocoFile,
    CsvFile,
    JsonLinesFile,
    MmposeFolder,
    NpzFile,
)
from mmpose.apis.inference.sequence import FrameResult
from mmpose.metainfo import load_metainfo
from mmpose.structures import Boxes, Frame, PoseResult
from mmpose.structures.output_files import OutputFiles
from tests.apis.numbered_video import NumberBackend, number_of, write_video
from tests.checkpoint_tools.checkpoint_files import plain_config, plain_model

ROOT = Path(__file__).parents[2]
NUM, STEP = 12, 12  # frames, and grey levels from one to the next, for a second compression


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A model, a video, images, boxes and annotations in a folder."""
    folder = tmp_path_factory.mktemp('files')
    torch.save({'state_dict': plain_model().state_dict()}, folder / 'tiny.pth')
    steps = [dict(type=name) for name in ('LoadImage', 'GetBBoxCenterScale')]
    steps.append(dict(type='TopdownAffine', input_size=(48, 64)))
    loader = dict(dataset=dict(pipeline=steps))
    Config(dict(model=plain_config(), val_dataloader=loader)).dump(str(folder / 'tiny.py'))
    write_video(folder / 'numbers.avi', NUM, fps=12.5, step=STEP)
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir()
    for number in (7, 8):
        image = rng.integers(0, 255, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f'images/{number:012d}.png'), image)
    boxes = {f'{7:012d}.png': [[5, 5, 20, 30], [10, 8, 30, 40, 0.5]], f'{8:012d}.png': []}
    (folder / 'boxes.json').write_text(json.dumps(boxes))
    images = [dict(id=number + 100, file_name=f'{number:012d}.png') for number in (7, 8)]
    (folder / 'ann.json').write_text(json.dumps(dict(images=images)))
    return folder


def run(files, line):
    """Runs a command line, in which ``@`` stands for the folder; returns its summary."""
    parser = argparse.ArgumentParser()
    runpy.run_path(str(ROOT / 'tools/infer.py'))['add_arguments'](parser)
    args = parser.parse_args(line.replace('@', f'{files}/').split())
    inputs, inferencer = inferencer_of(args)
    return run_inference(inferencer, inputs, outputs_of(args))


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (step := capture.read())[0]:
        frames.append(step[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


MODEL = '--model @tiny.py @tiny.pth --no-progress '


def test_a_drawn_video_has_every_frame_at_its_rate(files):
    summary = run(files, f'@numbers.avi {MODEL} --det whole-image --out @video --kpt-thr 2')
    frames, fps = frames_of(files / 'video/numbers.mp4')
    assert [number_of(frame, STEP) for frame in frames] == list(range(NUM))
    assert fps == 12.5
    assert (summary.num_frames, summary.num_poses) == (NUM, NUM)
    assert summary.files == [files / 'video/numbers.mp4']
    assert f'{NUM} poses in {NUM} frames' in str(summary)


def test_every_result_file_tells_the_same(files):
    flags = '--det @boxes.json --save-json --save-jsonl --save-csv --save-npz'
    summary = run(files, f'@images {MODEL} {flags} --out @all --bbox-thr 0.1')
    assert (summary.num_frames, summary.num_poses) == (2, 2)
    coco = json.loads((files / 'all/results.json').read_text())
    lines = [json.loads(x) for x in (files / 'all/results.jsonl').read_text().splitlines()]
    rows = list(csv.DictReader((files / 'all/results.csv').open()))
    arrays = np.load(files / 'all/results.npz')
    assert [x['image_id'] for x in coco] == [7, 7]
    assert [(x['image_id'], len(x['poses'])) for x in lines] == [(7, 2), (8, 0)]
    assert [row['image_id'] for row in rows] == ['7', '7']
    assert arrays['frame_row'].tolist() == [0, 0]
    assert arrays['image_id'].tolist() == [7, 8]
    for i, (record, row) in enumerate(zip(coco, rows, strict=True)):
        points = np.array(record['keypoints']).reshape(-1, 3)
        np.testing.assert_allclose(lines[0]['poses'][i]['keypoints'], points)
        np.testing.assert_allclose(arrays['keypoints'][i], points[:, :2], atol=6e-4)
        np.testing.assert_allclose(arrays['keypoint_scores'][i], points[:, 2], atol=6e-4)
        assert float(row['left_knee_x']) == points[13, 0]
        assert record['bbox'] == [5, 5, 20, 30] if i == 0 else [10, 8, 30, 40]
        assert float(row['bbox_score']) == [1, 0.5][i]
    drawn = cv2.imread(str(files / 'all/000000000007.png'))
    assert drawn.shape == (48, 64, 3)


def test_ids_come_from_annotations(files):
    run(files, f'@images {MODEL} --det whole-image --ann @ann.json --save-json --out @ids')
    coco = json.loads((files / 'ids/results.json').read_text())
    assert [x['image_id'] for x in coco] == [107, 108]


def test_the_call_of_image_demo(files):
    image = '@images/000000000007.png'
    run(files, f'{image} @tiny.py @tiny.pth --out-file @demo.jpg --draw-heatmap --no-progress')
    assert cv2.imread(str(files / 'demo.jpg')).shape == (48, 64, 3)


def test_the_flags_of_inferencer_demo(files):
    flags = '--det-model @boxes.json --bbox-thr 0.6 --vis-out-dir @vis --pred-out-dir @pred'
    looks = '--draw-bbox --skeleton-style openpose --radius 2 --thickness 1 --black-background'
    model = '--pose2d @tiny.py --pose2d-weights @tiny.pth --no-progress --num-instances 3'
    run(files, f'@images {model} {flags} {looks}')
    [person] = json.loads((files / 'pred/000000000007.json').read_text())
    assert np.array(person['keypoints']).shape == (17, 2)
    assert person['bbox'] == [[5, 5, 25, 35]]
    assert json.loads((files / 'pred/000000000008.json').read_text()) == []
    assert (cv2.imread(str(files / 'vis/000000000008.png')) == 0).all()
    run(files, f'@numbers.avi {model} --det-model whole-image --pred-out-dir @pred --max-frames 3')
    frames = json.loads((files / 'pred/numbers.json').read_text())
    assert [(x['frame_id'], len(x['instances'])) for x in frames] == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    ('line', 'error', 'words'),
    [
        ('@numbers.avi', ValueError, 'there is no model'),
        ('--model @tiny.py @tiny.pth', ValueError, 'there is no input'),
        (f'@images {MODEL} --det-weights a.pth --det x.onnx', ValueError, 'detectors of torchvis'),
        (f'@images {MODEL} --det-cat-ids 90 --det whole-image', ValueError, 'has 90, expected 0'),
        (f'@images {MODEL} --det whole-image --out-file @x.jpg', ValueError, 'one file for 2 im'),
        (f'@images {MODEL} --det whole-image --ann @boxes.json', ValueError, "has no 'images'"),
        (f'@images {MODEL} --det whole-image --smooth --no-tracking', ValueError, 'set tracking'),
        (f'@images {MODEL} --det whole-image --batch-size 0', ValueError, 'batch_size is 0'),
        (
            f'@images/000000000007.png {MODEL} --det whole-image --out-file @x.abc',
            ValueError,
            'ending',
        ),
    ],
)
def test_bad_lines(files, line, error, words):
    with pytest.raises(error, match=words):
        run(files, line)


def test_a_number_that_is_none_never_reaches_json(tmp_path):
    points = np.array([[np.nan, 1], [2, np.inf], *[[3, 4]] * 15], np.float32)
    box = np.array([0, 0, np.nan, 5], np.float32)
    pose = PoseResult(0, 0, 1, points, np.full(17, 0.5, np.float32), box)
    meta = load_metainfo('coco')
    result = FrameResult(Frame(0, np.zeros((4, 4, 3), np.uint8), 'a'), [pose], meta)
    files = [CocoFile(tmp_path / 'a'), JsonLinesFile(tmp_path / 'b'), CsvFile(tmp_path / 'c', meta)]
    for file in files:
        file.add(result, 5)
        file.close()

    def refuse(word):
        raise AssertionError(f'{word} is no JSON')

    [record] = json.loads((tmp_path / 'a').read_text(), parse_constant=refuse)
    assert record['keypoints'][:9] == [0, 0, 0, 0, 0, 0, 3, 4, 0.5]
    line = json.loads((tmp_path / 'b').read_text(), parse_constant=refuse)
    assert line['poses'][0]['keypoints'][:2] == [[None, 1, 0.5], [2, None, 0.5]]
    assert line['poses'][0]['bbox'] == [0, 0, None, 5]
    assert 'nan' not in (tmp_path / 'c').read_text().lower()


def test_results_are_complete_json_also_after_an_error(files):
    bad, unknown = (files / f'images/{number:012d}.png' for number in (9, 10))
    bad.write_bytes(b'')
    unknown.write_bytes((files / 'images/000000000008.png').read_bytes())
    try:
        summary = run(files, f'@images {MODEL} --det whole-image --save-json --out @partly')
        assert [problem for problem in summary.problems if bad.name in problem]
        assert len(json.loads((files / 'partly/results.json').read_text())) == 3
        with pytest.raises(ValueError, match=f"no image '.*{unknown.name}'"):
            run(
                files, f'@images {MODEL} --det @boxes.json --save-json --out @partly --batch-size 1'
            )
    finally:
        bad.unlink()
        unknown.unlink()
    assert len(json.loads((files / 'partly/results.json').read_text())) == 2


@pytest.fixture
def heeded_sigint():
    """SIGINT interrupts, also where the shell that started the tests has it ignored (nohup, &)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('heeded_sigint')
def test_ctrl_c_ends_a_run_with_complete_files(files):
    def interrupting(frames):
        if frames[0].index == 5:
            _thread.interrupt_main()
            time.sleep(0.05)
        return [Boxes.whole_image(frame.image_wh) for frame in frames]

    inferencer = PoseInferencer(NumberBackend(), detector=interrupting, batch_size=1)
    outputs = Outputs(files / 'ended', files / 'ended', formats=('coco',), save_video=True)
    threads = threading.active_count()
    summary = run_inference(inferencer, str(files / 'numbers.avi'), outputs)
    assert threading.active_count() == threads
    assert summary.num_frames < NUM
    assert summary.problems == [f'{files / "numbers.avi"} was interrupted']
    num_written = len(json.loads((files / 'ended/results.json').read_text()))
    assert len(frames_of(files / 'ended/numbers.mp4')[0]) == num_written >= summary.num_frames


COMMON = f'{MODEL} --det whole-image'


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        (f'@own {COMMON} --out @own', 'own/a.png.* is an input'),
        (f'@own/a.png {COMMON} --out-file @own/a.png', 'a.png.* is an input'),
        (f'@own/a.png {COMMON} --out @linked', 'a.png.* is an input'),
        (f'@own/v.mp4 {COMMON} --save-video --out @own', 'v.mp4.* is an input'),
        (f'@own/v.mp4 {COMMON} --out-file @own/v.mp4', 'v.mp4.* is an input'),
        (f'@own/a.png {COMMON} --out-file @own/b.png', 'b.png.* no command of this project'),
        (f'@own/a.png {COMMON} --save-json --out @own', 'results.json.* no command of this'),
        (f'@own/a.png {COMMON} --pred-out-dir @own', 'a.json.* no command of this project'),
        (f'@own/v.mp4 {COMMON} --vis-out-dir @own', 'v.mp4.* is an input'),
    ],
)
def test_no_file_of_the_user_is_replaced(files, line, words):
    own = files / 'own'
    if not own.exists():
        own.mkdir()
        for name in ('a', 'b'):
            cv2.imwrite(str(own / f'{name}.png'), np.zeros((48, 64, 3), np.uint8))
        write_video(own / 'v.avi', 3).rename(own / 'v.mp4')
        for name in ('results.json', 'a.json'):
            (own / name).write_text('mine')
        (files / 'linked').mkdir()
        (files / 'linked/a.png').symlink_to(own / 'a.png')
    before = {path: path.read_bytes() for path in own.iterdir()}
    with pytest.raises(FileExistsError, match=words):
        run(files, line)
    assert {path: path.read_bytes() for path in own.iterdir()} == before


def test_a_run_replaces_what_it_made_and_nothing_that_was_changed_since(files):
    line = f'@images {COMMON} --save-json --pred-out-dir @again --out @again'
    run(files, line)
    run(files, line)
    cv2.imwrite(str(files / 'again/000000000007.png'), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(FileExistsError, match=r'000000000007\.png.* no command of this project'):
        run(files, line)


def test_equal_names_get_numbers_and_every_frame_its_own_id(files):
    for name in ('x/1.png', 'y/1.png', '1.jpg', '2.png'):
        (files / 'same' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(files / 'same' / name), np.zeros((48, 64, 3), np.uint8))
    write_video(files / 'same/1b.avi', 3)
    (files / 'same/1c.png').write_bytes(b'damaged')
    inputs = '@same @same/x/1.png @same/y/1.png @same/y/1.png'
    flags = f'--save-json --save-jsonl --pred-out-dir @same_out --out @same_out {COMMON}'
    summary = run(files, f'{inputs} {flags}')
    made = {path.name for path in (files / 'same_out').glob('*.json')}
    assert made == {f'{x}.json' for x in ('results', '1', '1_2', '1_3', '1_4', '1b', '2')}
    lines = (files / 'same_out/results.jsonl').read_text().splitlines()
    ids = [json.loads(line)['image_id'] for line in lines]
    assert len(set(ids)) == len(ids) == summary.num_frames == 8
    pictures = {path.name for path in (files / 'same_out').glob('*.[pj]*g')}
    assert pictures == {'1.jpg', '1.png', '2.png', '1_2.png', '1_3.png'}


def test_ids_of_annotations_go_by_as_many_folders_as_it_takes(files):
    for name in ('m/1.png', 'n/1.png'):
        (files / 'ids_in' / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(files / 'ids_in' / name), np.zeros((48, 64, 3), np.uint8))
    line = f'@ids_in/n/1.png @ids_in/m/1.png {COMMON} --save-json --out @ids_out --ann @ids.json'
    images = [dict(id=5, file_name='m/1.png'), dict(id=6, file_name='n/1.png')]
    (files / 'ids.json').write_text(json.dumps(dict(images=images)))
    run(files, line)
    coco = json.loads((files / 'ids_out/results.json').read_text())
    assert [record['image_id'] for record in coco] == [6, 5]
    (files / 'ids.json').write_text(json.dumps(dict(images=[dict(id=5, file_name='1.png')])))
    with pytest.raises(ValueError, match=r"both are '1\.png' of the annotation file"):
        run(files, line)


@pytest.mark.parametrize('name', ['x.avi', 'x.gif', 'x'])
def test_a_drawn_video_of_another_format_is_refused_first(files, name):
    with pytest.raises(ValueError, match=r'end in \.mp4 or \.webm'):
        run(files, f'@numbers.avi {COMMON} --out-file @{name}')


def test_a_drawn_video_may_end_in_capitals(files):
    run(files, f'@numbers.avi {COMMON} --out-file @capitals/x.MP4')
    assert len(frames_of(files / 'capitals/x.MP4')[0]) == NUM


def test_a_run_without_an_instance_says_what_to_change(files):
    (files / 'none.json').write_text(json.dumps({f'{x:012d}.png': [] for x in (7, 8)}))
    summary = run(files, f'@images {MODEL} --det @none.json --save-json --out @none')
    assert 'no instance was found' in str(summary)
    assert '--det-cat' in str(summary)


def test_result_files_have_what_a_model_says_and_no_column_more(tmp_path):
    meta = load_metainfo('coco')
    frame = Frame(0, np.zeros((60, 80, 3), np.uint8), 'a.jpg')
    plain = PoseResult(
        1,
        1,
        1,
        np.full((17, 2), 20, np.float32),
        np.full(17, 0.5, np.float32),
        np.float32([0, 0, 9, 9]),
        0.5,
    )
    visibility = np.tile(np.float32([0.7, 0.2, 0.1]), (17, 1))
    said = {'sigma_px': np.full(17, 2, np.float32), 'visibility': visibility, 'pose_score': 0.8}
    columns = {}
    for name, pose in {'plain': plain, 'said': replace(plain, **said)}.items():
        folder = tmp_path / name
        folder.mkdir()
        files = [JsonLinesFile(folder / 'jsonl'), CsvFile(folder / 'csv', meta)]
        files += [NpzFile(folder / 'a.npz', meta), MmposeFolder(folder, OutputFiles())]
        for file in files:
            file.add(FrameResult(frame, [pose], meta), 1)
            file.close()
        [record] = json.loads((folder / 'jsonl').read_text())['poses']
        [instance] = json.loads((folder / 'a.json').read_text())
        with np.load(folder / 'a.npz') as arrays:
            rows = list(csv.reader((folder / 'csv').read_text().splitlines()))
            columns[name] = [set(record), set(instance), set(arrays), set(rows[0])]
        assert len(rows[0]) == len(rows[1])
        assert record['score'] == (0.25 if name == 'plain' else 0.4)
    assert rows[1][rows[0].index('left_eye_occluded')] == '0.2'
    assert rows[1][rows[0].index('right_ankle_sigma_px')] == '2.0'
    assert instance['visibility'][3] == [0.7, 0.2, 0.1]
    more = [said - plain for plain, said in zip(*columns.values(), strict=True)]
    assert more[:3] == [{'sigma_px', 'visibility'}] * 3
    assert len(more[3]) == 4 * 17


def test_csv_file_without_a_pose_has_a_header(tmp_path):
    file = CsvFile(tmp_path / 'a.csv', load_metainfo('coco'))
    file.close()
    assert (tmp_path / 'a.csv').read_text().count(',') == 13 + 3 * 17 - 1
