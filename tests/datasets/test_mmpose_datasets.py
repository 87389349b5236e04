"""Datasets that were written for MMPose 1.x."""

import json

import numpy as np
import pytest

from mmpose.datasets import CocoDataset
from mmpose.datasets.datasets import BaseCocoStyleDataset

INFO = dict(
    dataset_name='stick',
    keypoint_info={
        0: dict(name='left', id=0, color=[255, 0, 0], type='upper', swap='right'),
        1: dict(name='right', id=1, color=[0, 255, 0], type='upper', swap='left'),
        2: dict(name='foot', id=2, color=[0, 0, 255], type='lower', swap=''),
    },
    skeleton_info={0: dict(link=('left', 'foot'), id=0, color=[9, 9, 9])},
    joint_weights=[1.0, 1.0, 1.5],
    sigmas=[0.1, 0.1, 0.2],
)


class StickDataset(BaseCocoStyleDataset):
    """Another layout: a list of rows."""

    METAINFO = INFO

    def _load_annotations(self):
        instances = [
            dict(
                id=row['id'],
                img_id=row['image'],
                img_path=f'{self.image_folder}/{row["image"]}.png',
                bbox=np.array([row['corners']], np.float32),
                bbox_score=np.ones(1, np.float32),
                keypoints=np.array([row['points']], np.float32),
                keypoints_visible=np.array([row['seen']], np.float32),
                iscrowd=0,
            )
            for row in json.loads(self.ann_file.read_text())
        ]
        return instances, []


@pytest.fixture
def sticks(tmp_path):
    rows = [
        dict(
            id=7, image=1, corners=[2, 3, 12, 23], points=[[3, 4], [5, 6], [7, 8]], seen=[1, 1, 0]
        ),
        dict(id=8, image=1, corners=[0, 0, 4, 4], points=[[1, 1], [2, 2], [3, 3]], seen=[1, 0, 1]),
    ]
    (tmp_path / 'rows.json').write_text(json.dumps(rows))
    return dict(ann_file='rows.json', data_root=str(tmp_path))


def test_another_layout_is_packed(sticks):
    data = StickDataset(**sticks, serialize_data=True, lazy_init=False, data_mode='topdown')
    sample = data.get_sample(0)

    assert data.dataset_meta.keypoint_names == ('left', 'right', 'foot')
    assert data.dataset_meta.flip_indices.tolist() == [1, 0, 2]
    assert (sample['ann_id'], sample['img_id']) == (7, 1)
    assert sample['bbox_xywh'].tolist() == [2, 3, 10, 20]
    assert sample['keypoints'].tolist() == [[3, 4], [5, 6], [7, 8]]
    assert sample['keypoints_visible'].tolist() == [1, 1, 0]
    assert data.ground_truth().keypoints_visible.tolist() == [[1, 1, 0], [1, 0, 1]]
    assert len(StickDataset(**sticks, sample_interval=2)) == 1
    assert isinstance(data, CocoDataset)


def test_what_has_no_counterpart_is_refused(sticks):
    with pytest.raises(ValueError, match=r"data_mode='bottomup'.*expected 'topdown'"):
        StickDataset(**sticks, data_mode='bottomup')
    with pytest.raises(TypeError, match=r'overrides parse_data_info.*override _load_annotations'):

        class Other(BaseCocoStyleDataset):
            def parse_data_info(self, raw_data_info):
                return None
