"""Several calibrated cameras through the whole pipeline."""

import json
import sys
from itertools import count

import cv2
import numpy as np
import pytest
from live_parts import KnownPredictor, ListSink, StubEstimator
from skinned import animate, world_matrices

from mmpose.structures import Boxes, Frame
from realtime_pose import __main__ as live
from realtime_pose.capture import CapturedFrame, SyntheticSource, WebcamStream
from realtime_pose.capture.synthetic_views import (
    SyntheticView,
    synthetic_views,
    virtual_cameras,
)
from realtime_pose.capture.views import FileViews, ViewFrame
from realtime_pose.communication.schema import load_schema
from realtime_pose.ik.cameras import SCHEMA
from realtime_pose.inference.stages import DetectStage, LiveFrame
from realtime_pose.inference.view_stages import DetectViewsStage
from realtime_pose.model3d import read_bvh
from realtime_pose.model3d.glb import read_glb
from realtime_pose.pipeline import LiveOptions, LivePipeline
from realtime_pose.recording import Recorder, read_recording

SIZE = (320, 240)
EXACT = LiveOptions(method_3d='triangulate', smoothing=False)


class Undrawn(SyntheticView):
    """Its people move, and are left out of the pictures, which costs less; some frames are lost."""

    lost = ()

    def frame_at(self, index):
        image = np.zeros((self.size_wh[1], self.size_wh[0], 3), np.uint8)
        return Frame(index, image, self.name, index / self.fps)

    def __iter__(self):
        for index in count() if self.num_frames is None else range(self.num_frames):
            yield self.frame_at(index), 'lost' if index in self.lost else ''


def pipeline_of(num_cameras=2, num_people=1, options=EXACT, sinks=(), fps=15, **arguments):
    cameras = virtual_cameras(num_cameras, SIZE)
    parts = [Undrawn(camera, num_people, fps, **arguments) for camera in cameras]
    estimator = StubEstimator()
    estimator.predictor = KnownPredictor(parts)
    stream = WebcamStream(source=FileViews(cameras, parts), keep_all=True)
    return LivePipeline(stream, estimator, options, sinks), parts, estimator.predictor


@pytest.mark.parametrize(('num_cameras', 'num_people'), [(2, 1), (3, 2)])
def test_joints_are_exact_through_all_stages(num_cameras, num_people):
    pipeline, parts, predictor = pipeline_of(num_cameras, num_people)
    worst = []

    def compare(lives):
        truth = parts[0].keypoints_3d_at(lives.captured.frame.index)
        for joints, solution in zip(truth, lives.solutions, strict=True):
            worst.append(np.abs(solution.joints_3d - joints).max())
            np.testing.assert_allclose(solution.root, joints[11:13].mean(axis=0), atol=0.05)

    report = pipeline.run(max_frames=8, on_frame=compare)
    assert len(worst) == 8 * num_people
    assert max(worst) < 1e-6
    assert predictor.num_frames == 8 * [num_cameras]  # one batch per moment
    names = ['detect', 'pose', 'track', 'match', '3d', 'message', 'sinks']
    assert list(report.stage_ms) == names


@pytest.mark.parametrize(('sizes', 'looks'), [((SIZE, SIZE), [2]), ((SIZE, (64, 48)), [1, 1])])
def test_detectors_of_all_cameras_run_in_one_batch(sizes, looks):
    """Every fourth frame; of images of the same size, so that none is padded."""
    calls = []

    def detector(frames):
        calls.append([frame.index for frame in frames])
        return [Boxes.from_xywh([[frame.view + 1, 2, 30, 40]]) for frame in frames]

    alone = [DetectStage(detector, det_every=4) for _ in sizes]
    together = DetectViewsStage([DetectStage(detector, det_every=4) for _ in sizes])
    for index in range(6):
        lives = []
        for view, (width, height) in enumerate(sizes):
            image = np.zeros((height, width, 3), np.uint8)
            frame = ViewFrame(index, image, '', view=view, camera=None, captured_s=None)
            lives.append(LiveFrame(CapturedFrame(frame, index / 15, index / 15), view=view))
        lives[0].others = lives[1:]
        del calls[:]
        together(lives[0])
        assert [len(call) for call in calls] == (looks if index in (0, 4) else [])
        for one in lives:
            boxes, has_guesses = one.boxes, one.has_guesses
            alone[one.view](one)
            np.testing.assert_array_equal(one.boxes.xywh, boxes.xywh)
            assert one.has_guesses == has_guesses


def test_people_who_cross_keep_their_ids_and_joints():
    sink = ListSink()
    pipeline, parts, _ = pipeline_of(2, 2, sinks=[sink], fps=8, num_frames=64)
    place = np.array([parts[0].keypoints_3d_at(i)[:, 0, 0] for i in range(64)])
    assert (np.diff(np.sign(place[:, 0] - place[:, 1])) != 0).sum() == 2  # they meet twice in a lap
    pipeline.run()
    assert len(sink.messages) == 64
    for message in sink.messages:
        assert [person.id for person in message.people] == [1, 2]
        truth = parts[0].keypoints_3d_at(message.frame_id)
        for person, joints in zip(message.people, truth, strict=True):
            np.testing.assert_allclose(person.joints_3d, joints, atol=1e-6)


def test_the_message_says_that_it_was_measured():
    jsonschema = pytest.importorskip('jsonschema')
    sink = ListSink()
    options = LiveOptions(method_3d='triangulate')
    pipeline_of(2, 1, options, [sink])[0].run(max_frames=2)
    for message in sink.messages:
        assert (message.source, message.size_wh) == ('view1', SIZE)
        assert message.people[0].method_3d == 'triangulated (exact)'
        assert message.stats['views_missing'] == ''
        jsonschema.validate(json.loads(message.to_json()), load_schema('message'))


def test_what_one_view_sees_alone_has_no_3d():
    pipeline, _, predictor = pipeline_of(2, 2)
    known = predictor.predict

    def predict(frames, boxes):
        first, second = known(frames, boxes)
        second[1].keypoint_scores[:] = 0.0  # the second person is hidden from the second camera
        second[0].keypoint_scores[9] = 0.2  # and of the first one a wrist
        return [first, second]

    predictor.predict = predict
    pipeline.run(max_frames=3)
    one, other = pipeline.latest.message.people
    assert np.isnan(one.joints_3d).any(axis=1).nonzero()[0].tolist() == [9]
    assert one.rotations is not None
    assert (other.joints_3d, other.method_3d, other.rotations, other.root) == 4 * (None,)
    assert np.isfinite(other.keypoints).all()


def test_views_that_contradict_each_other_give_no_joint():
    pipeline, _, predictor = pipeline_of(2, 1)

    def wrong(frames, boxes, known=predictor.__call__):
        views = known(frames, boxes)
        views[1][0].keypoints[7] += (0, 60)
        return views

    pipeline.stages[1].predictor = wrong
    pipeline.run(max_frames=2)
    joints = pipeline.latest.message.people[0].joints_3d
    assert np.isnan(joints).any(axis=1).nonzero()[0].tolist() == [7]


@pytest.mark.parametrize('lost', [0, 1])
def test_a_view_that_drops_out_is_survived(lost):
    sink = ListSink()
    pipeline, parts, _ = pipeline_of(2, 2, sinks=[sink], num_frames=12)
    parts[lost].lost = range(4, 8)
    pipeline.run()
    assert [message.frame_id for message in sink.messages] == list(range(12))
    for message in sink.messages:
        is_lost = message.frame_id in range(4, 8)
        assert message.source == ('view2' if is_lost and lost == 0 else 'view1')
        assert [person.id for person in message.people] == [1, 2]
        assert [person.joints_3d is None for person in message.people] == 2 * [is_lost]
    assert sink.messages[-1].stats['views_missing'] == f'view{lost + 1} 4'


def test_a_lock_keeps_to_one_person_of_all_views():
    options = LiveOptions(method_3d='triangulate', is_locked=True, smoothing=False)
    pipeline, parts, _ = pipeline_of(3, 2, options)
    pipeline.run(max_frames=3)
    [person] = pipeline.latest.message.people
    truth = parts[0].keypoints_3d_at(2)
    assert np.abs(person.joints_3d - truth).max(axis=(1, 2)).min() < 1e-6


def test_a_recording_has_people_where_they_stand(tmp_path):
    pipeline, parts, _ = pipeline_of(2, 1, sinks=[Recorder(tmp_path)])
    pipeline.run(max_frames=10)
    hips = np.array([parts[0].keypoints_3d_at(i)[0, 11:13].mean(axis=0) for i in range(10)])
    recorded = [message.people[0].root for message in read_recording(tmp_path)]
    np.testing.assert_allclose(recorded, hips, atol=0.05)
    clip = read_bvh(tmp_path / 'motion_1.bvh')
    np.testing.assert_allclose(clip.positions, recorded, atol=1e-3)
    glb = read_glb(tmp_path / 'motion_1.glb')
    animate(glb, 9 / 15)
    names = [node.get('name') for node in glb.content['nodes']]
    places = world_matrices(glb)[:, :3, 3]
    truth = dict(zip(parts[0].keypoint_names, parts[0].keypoints_3d_at(9)[0], strict=True))
    for bone, joint in (('leftLowerLeg', 'left_knee'), ('rightFoot', 'right_ankle'),
                        ('leftHand', 'left_wrist'), ('rightLowerArm', 'right_elbow')):  # fmt: skip
        # The synthetic body is not quite the rig: its shoulders move.
        assert np.linalg.norm(places[names.index(bone)] - truth[joint]) < 0.05


def write_cameras(folder, size=SIZE, num=2):
    """Writes the calibration and a video of each camera."""
    entries = []
    for camera in virtual_cameras(num, SIZE):
        entries.append(
            {
                'name': camera.name,
                'size': size,
                'K': camera.matrix.tolist(),
                'R': camera.rotation.tolist(),
                't': camera.translation.tolist(),
            }
        )
        file = str(folder / f'{camera.name}.avi')
        writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*'MJPG'), 15, SIZE)
        source = SyntheticView(camera, fps=15)
        for index in range(3):
            writer.write(source.frame_at(index).image_bgr)
        writer.release()
    content = {'schema': SCHEMA, 'unit': 'm', 'up': '+y', 'cameras': entries}
    (folder / 'cameras.json').write_text(json.dumps(content))


def run(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, 'argv', ['realtime_pose', *arguments])
    live.main()


def test_command_with_files(tmp_path, monkeypatch, capsys):
    write_cameras(tmp_path)
    files = ['--source', 'view2=view2.avi', '--source', 'view1=view1.avi']
    options = ['--3d', 'triangulate', '--every-frame', '--model', 'random', '--record', 'out']
    run(monkeypatch, tmp_path, *files, '--cameras', 'cameras.json', *options)
    assert '3 frames; ' in capsys.readouterr().out
    messages = list(read_recording(tmp_path / 'out'))
    assert [message.source for message in messages] == 3 * ['view1']
    # Sent again, as every recording without frames.
    run(monkeypatch, tmp_path, '--source', 'replay:out', '--record', 'again')
    again = list(read_recording(tmp_path / 'again'))
    assert [x.to_json() for x in again] == [x.to_json() for x in messages]


@pytest.mark.parametrize(
    ('arguments', 'problem'),
    [
        ('--source a --source b', r'2 source\(s\) without --cameras: .* --cameras FILE'),
        ('--3d triangulate', r'1 source\(s\) without --cameras'),
        ('--cameras none.json', 'no calibration file none.json'),
        (
            '--source view1.avi --cameras cameras.json',
            r"\['view1', 'view2'\]: give a --source each",
        ),
        ('--source view1.avi --source synthetic --cameras synthetic:2', 'as the only source'),
        ('--source view1.avi --cameras synthetic:2', 'as the only source'),
        ('--cameras synthetic', 'expected synthetic:N cameras'),
        ('--cameras synthetic:9', '9 synthetic cameras: expected 2 to 6'),
        ('--source replay:x --cameras synthetic:2', '--cameras has no effect on .* a replay'),
        ('--cameras synthetic:2 --record out --record-frames', 'is for one camera'),
        ('--cameras synthetic:2 --3d lift', '--3d lift is for one camera'),
        ('--cameras synthetic:2 --3d none --record out', '--3d none is for one camera'),
    ],
)
def test_command_says_what_is_wrong(tmp_path, monkeypatch, arguments, problem):
    write_cameras(tmp_path)
    monkeypatch.setattr(live, 'estimator_of', lambda args: StubEstimator())
    with pytest.raises((ValueError, FileNotFoundError), match=problem) as caught:
        run(monkeypatch, tmp_path, *arguments.split())
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('method', ['lift', 'none'])
def test_several_cameras_are_for_triangulation(method):
    views = synthetic_views(2, size_wh=SIZE)
    for source, name in ((views, method), (SyntheticSource(1, SIZE), 'triangulate')):
        with WebcamStream(source=source) as stream:
            with pytest.raises(ValueError, match=f"'{name}' does not fit '"):
                LivePipeline(stream, StubEstimator(), LiveOptions(method_3d=name))


def test_command_refuses_images_of_other_proportions(tmp_path, monkeypatch):
    write_cameras(tmp_path, size=(640, 360))
    files = ['--source', 'view1.avi', '--source', 'view2.avi', '--cameras', 'cameras.json']
    with pytest.raises(ValueError, match='320x240 px and its calibration 640x360'):
        run(monkeypatch, tmp_path, *files)
