"""Messages for tests: a few people with numbers that differ."""

import numpy as np

from realtime_pose.communication import Person, PoseMessage


def make_person(person_id=0, num_keypoints=17, seed=0):
    rng = np.random.default_rng([seed, person_id])
    rotation = rng.normal(size=4)
    return Person(
        id=person_id,
        score=0.5 + 0.01 * person_id,
        bbox_xywh=np.array([10, 20, 200, 400.0]),
        keypoints=rng.uniform(0, 480, (num_keypoints, 2)),
        scores=rng.uniform(0, 1, num_keypoints),
        joints_3d=rng.normal(size=(num_keypoints, 3)),
        method_3d='triangulated (exact)',
        rotations={'hips': rotation / np.linalg.norm(rotation), 'leftHand': np.array([0, 0, 0, 1])},
        root=rng.normal(size=3),
    )


def make_message(seq=0, num_people=2, **options):
    people = tuple(make_person(i, seed=seq, **options) for i in range(num_people))
    return PoseMessage(
        seq=seq,
        frame_id=2 * seq,
        t_capture=1_700_000_000 + seq / 30,
        t_sent=1_700_000_000.05 + seq / 30,
        source='synthetic',
        size_wh=(640, 480),
        people=people,
        stats={'fps': 30.0, 'mode': 'full', 'gpu': None},
    )
