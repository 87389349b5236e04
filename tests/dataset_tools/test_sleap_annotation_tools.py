"""SLEAP projects, and sleap-io as a judge of the files that are written for other tools."""

import json

import numpy as np
import pytest
from tool_samples import IMAGES, NAMES, coco, image_at, save

from mmpose.dataset_tools.convert import convert_annotations

sleap_io = pytest.importorskip('sleap_io')


@pytest.fixture
def folder(tmp_path):
    for name, wh in IMAGES:
        image_at(tmp_path, name, wh)
    save(tmp_path, 'in.json', coco())
    return tmp_path


def project(folder, paths):
    """Saves a project with frame 12 of each video, and a prediction in the first one."""
    skeleton = sleap_io.Skeleton(['B', 'A'], [('B', 'A')], name='mouse')
    frames = []
    for row, path in enumerate(paths):
        xy = np.array([[15.5, 15.0 + row], [92.5, 20.25]])
        instance = sleap_io.Instance.from_numpy(xy, skeleton=skeleton)
        instance.points['visible'] = [False, True]
        guess = sleap_io.PredictedInstance.from_numpy(xy, skeleton=skeleton, score=0.5)
        video = sleap_io.Video(filename=path, open_backend=False)
        instances = [instance, guess] if not row else [instance]
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=12, instances=instances))
    target = folder / 'labels.slp'
    sleap_io.Labels(frames).save(str(target), verbose=False)
    return target


def test_native_project(tmp_path):
    image_at(tmp_path, 'mice day 1/000012.png', (120, 100))
    source = project(tmp_path, ['/data/mice day 1.mp4'])
    options = {'images': tmp_path / 'images'}
    labels = convert_annotations(source, tmp_path / 'r.json', 'sleap', 'coco', **options)
    data = json.loads((tmp_path / 'r.json').read_text())
    assert labels.keypoint_names == ('B', 'A')
    assert labels.skeleton_links == ((0, 1),)
    assert data['images'] == [
        {'id': 1, 'file_name': 'mice day 1/000012.png', 'width': 120, 'height': 100}
    ]
    assert data['annotations'][0]['keypoints'] == [15.5, 15, 1, 92.5, 20.25, 2]
    assert data['categories'][0]['name'] == 'mouse'
    assert labels.notes[0] == 'left out: 1 predicted instances'


def test_videos_of_one_name_are_told_apart(tmp_path):
    paths = ['/data/day1/cam.mp4', 'D:\\data\\day2\\cam.mp4', '/data/top.avi']
    names = ['day1/cam/000012.png', 'day2/cam/000012.png', 'top/000012.png']
    for name in names:
        image_at(tmp_path, name, (120, 100))
    source = project(tmp_path, paths)
    options = {'images': tmp_path / 'images'}
    labels = convert_annotations(source, tmp_path / 'r.json', 'sleap', 'coco', **options)
    assert [image.file_name for image in labels.images] == names
    assert [instance.keypoints[0, 1] for instance in labels.instances] == [15, 16, 17]


def test_sleap_io_reads_what_is_written(folder):
    convert_annotations(folder / 'in.json', folder / 'o.slp', 'coco', 'sleap')
    labels = sleap_io.load_slp(str(folder / 'o.slp'), open_videos=False)
    found = {
        str(frame.video.filename[frame.frame_idx]): [
            (person.points['xy'], person.points['visible']) for person in frame.instances
        ]
        for frame in labels.labeled_frames
    }
    assert labels.skeleton.node_names == NAMES
    assert labels.skeleton.edge_inds == [(0, 1), (0, 2), (0, 3)]
    for (xy, is_visible), expected in zip(
        [*found['cam0/a.png'], *found['c.png']], coco()['annotations'], strict=True
    ):
        points = np.reshape(expected['keypoints'], (-1, 3))
        wanted = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
        np.testing.assert_array_equal(xy, wanted)
        assert is_visible.tolist() == (points[:, 2] == 2).tolist()


def test_sleap_io_reads_the_file_for_deeplabcut(folder):
    """It orders body parts by name, and wants the images beside the file."""
    convert_annotations(folder / 'in.json', folder / 'images/o.csv', 'coco', 'deeplabcut')
    labels = sleap_io.load_dlc(str(folder / 'images/o.csv'), config=False)
    rows = [NAMES.index(name) for name in labels.skeleton.node_names]
    found = [person.numpy() for frame in labels.labeled_frames for person in frame.instances]
    assert len(found) == 3
    for xy, expected in zip(found, coco()['annotations'], strict=True):
        points = np.reshape(expected['keypoints'], (-1, 3))[rows]
        np.testing.assert_array_equal(xy, np.where(points[:, 2:] > 0, points[:, :2], np.nan))
