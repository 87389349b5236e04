"""Comparison of the dataset readers with the classes of MMPose 1.x, person by person.

    python benchmarks/mmpose1_readers.py MMPOSE [--peer-python PYTHON]

``MMPOSE`` is a checkout of MMPose 1.3.2, whose ``tests/data`` holds a few persons of each data set;
``PYTHON`` an interpreter in which it can be imported from there (see ``docs/benchmarks.md``). What
stands for which class says ``mmpose/config/migration/datasets.py``. Both packages have one name, so
this file runs itself there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

Poses = dict[str, Any]  # what both sides tell of a data set: lists by name

H36M = ('CocoDataset', 'h36m/h36m_coco.json', 'h36m')  # in COCO's form it has no class of its own
# class, annotations and images below tests/data
SAMPLES = [
    ('AFLWDataset', 'aflw/test_aflw.json', 'aflw'), ('AicDataset', 'aic/test_aic.json', 'aic'),
    ('AnimalKingdomDataset', 'ak/test_animalkingdom.json', 'ak'),
    ('AnimalPoseDataset', 'animalpose/test_animalpose.json', 'animalpose'),
    ('AP10KDataset', 'ap10k/test_ap10k.json', 'ap10k'),
    ('ATRWDataset', 'atrw/test_atrw.json', 'atrw'), ('CocoDataset', 'coco/test_coco.json', 'coco'),
    ('CocoWholeBodyDataset', 'coco/test_coco_wholebody.json', 'coco'),
    ('CocoWholeBodyFaceDataset', 'coco/test_coco_wholebody.json', 'coco'),
    ('CocoWholeBodyHandDataset', 'coco/test_coco_wholebody.json', 'coco'),
    ('COFWDataset', 'cofw/test_cofw.json', 'cofw'),
    ('CrowdPoseDataset', 'crowdpose/test_crowdpose.json', 'crowdpose'),
    ('DeepFashion2Dataset', 'deepfasion2/deepfasion2.json', 'deepfasion2'),
    ('DeepFashionDataset', 'fld/test_fld.json', 'fld'),
    ('ExlposeDataset', 'exlpose/test_exlpose.json', 'exlpose'),
    ('Face300VWDataset', '300vw/anno_300vw.json', '300vw'),
    ('Face300WDataset', '300w/test_300w.json', '300w'),
    ('Face300WLPDataset', '300wlp/test_300wlp.json', '300wlp'),
    ('FlyDataset', 'fly/test_fly.json', 'fly'),
    ('FreiHandDataset', 'freihand/test_freihand.json', 'freihand'), H36M,
    ('HalpeDataset', 'halpe/test_halpe.json', 'coco'),
    ('Horse10Dataset', 'horse10/test_horse10.json', 'horse10'),
    ('HumanArt21Dataset', 'humanart/test_humanart.json', ''),
    ('HumanArtDataset', 'humanart/test_humanart.json', ''),
    ('JhmdbDataset', 'jhmdb/test_jhmdb_sub1.json', 'jhmdb'),
    ('LapaDataset', 'lapa/test_lapa.json', 'lapa'),
    ('LocustDataset', 'locust/test_locust.json', 'locust'),
    ('MacaqueDataset', 'macaque/test_macaque.json', 'macaque'),
    ('MhpDataset', 'mhp/test_mhp.json', 'mhp'), ('MpiiDataset', 'mpii/test_mpii.json', 'mpii'),
    ('MpiiTrbDataset', 'mpii/test_mpii_trb.json', 'mpii'),
    ('OCHumanDataset', 'ochuman/test_ochuman.json', 'ochuman'),
    ('OneHand10KDataset', 'onehand10k/test_onehand10k.json', 'onehand10k'),
    ('PanopticHand2DDataset', 'panoptic/test_panoptic.json', 'panoptic'),
    ('PoseTrack18Dataset', 'posetrack18/annotations/test_posetrack18_val.json', 'posetrack18'),
    ('Rhd2DDataset', 'rhd/test_rhd.json', 'rhd'), ('WFLWDataset', 'wflw/test_wflw.json', 'wflw'),
    ('ZebraDataset', 'zebra/test_zebra.json', 'zebra'),
]  # fmt: skip
TOLERANCE = {'center': 1e-3, 'scale': 1e-3, 'keypoints': 1e-3}  # float32 there, in parts


def read_theirs(sample: tuple[str, str, str]) -> Poses:
    """Poses of a sample by the class of MMPose 1.x, in its checkout as the working folder."""
    from mmpose.registry import DATASETS

    kind, file, images = sample
    options: dict[str, Any] = {'type': kind, 'ann_file': f'tests/data/{file}'}
    if sample == H36M:
        options['metainfo'] = {'from_file': 'configs/_base_/datasets/h36m.py'}
    data = DATASETS.build({**options, 'data_prefix': {'img': f'tests/data/{images}'}})
    infos = [data.get_data_info(i) for i in range(len(data))]
    boxes = [info['bbox'][0] for info in infos]
    centers = [(box[:2] + box[2:]) / 2 for box in boxes]
    sizes = [box[2:] - box[:2] for box in boxes]
    if infos and 'bbox_center' in infos[0]:
        centers = [info['bbox_center'][0] for info in infos]
        sizes = [info['bbox_scale'][0] for info in infos]
    meta = data.metainfo
    return {
        'images': [Path(info['img_path']).name for info in infos],
        'ids': [int(info['id']) for info in infos],
        'keypoints': [np.asarray(info['keypoints'][0], float).tolist() for info in infos],
        'visible': [np.asarray(info['keypoints_visible'][0], float).tolist() for info in infos],
        'center': np.asarray(centers, float).tolist(),
        'scale': np.asarray(sizes, float).tolist(),
        'names': [meta['keypoint_id2name'][i] for i in range(meta['num_keypoints'])],
        'flips': list(meta['flip_indices']),
        'sigmas': np.asarray(meta['sigmas'], float).tolist(),
        'weights': np.asarray(meta['dataset_keypoint_weights'], float).ravel().tolist(),
        'upper': list(meta['upper_body_ids']),
        'lower': list(meta['lower_body_ids']),
    }


def read_ours(sample: tuple[str, str, str], checkout: Path) -> Poses:
    """Poses of a sample by our reader."""
    import mmpose.datasets  # noqa: F401  registers the readers
    from mmpose.config.migration.datasets import DATASETS_1X
    from mmpose.registry import DATASETS

    kind, file, images = sample
    options = {**DATASETS_1X[kind], 'ann_file': str(checkout / 'tests/data' / file)}
    if sample == H36M:
        options |= {'metainfo': 'h36m', 'trust_order': True}
    folder = str(checkout / 'tests/data' / images)
    data = DATASETS.build({**options, 'data_prefix': {'img': folder}})
    found = [data.get_sample(i) for i in range(len(data))]
    boxes = np.array([one['bbox_xywh'] for one in found], float).reshape(-1, 4)
    meta = data.dataset_meta
    return {
        'images': [Path(one['image_file']).name for one in found],
        'ids': [one['ann_id'] for one in found],
        'keypoints': [one['keypoints'].tolist() for one in found],
        'visible': [one['keypoints_visible'].tolist() for one in found],
        'center': (boxes[:, :2] + boxes[:, 2:] / 2).tolist(),
        'scale': boxes[:, 2:].tolist(),
        'names': list(meta.keypoint_names),
        'flips': meta.flip_indices.tolist(),
        'sigmas': [] if meta.sigmas is None else meta.sigmas.tolist(),
        'weights': meta.dataset_keypoint_weights.tolist(),
        'upper': list(meta.upper_body_ids),
        'lower': list(meta.lower_body_ids),
    }


def compare(ours: Poses, theirs: Poses) -> list[str]:
    """Words for each thing that differs; persons are paired by their place."""
    if len(ours['ids']) != len(theirs['ids']):
        return [f'{len(ours["ids"])} persons, there {len(theirs["ids"])}']
    different = []
    for name, mine in ours.items():
        other = theirs[name]
        if not mine or not other or isinstance(mine[0], str):
            if mine != other:
                different.append(name)
            continue
        first, second = np.asarray(mine, float), np.asarray(other, float)
        if first.shape != second.shape:
            different.append(f'{name}: {first.shape}, there {second.shape}')
            continue
        gap = np.abs(first - second).max()
        if gap > TOLERANCE.get(name, 1e-6):
            different.append(f'{name} by up to {gap:.4g}')
    return different


def main() -> None:
    """Prints a line for each sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkout', type=Path)
    parser.add_argument('--peer-python', default=sys.executable)
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    if args.worker:
        os.chdir(args.checkout)
        sys.path.insert(0, str(args.checkout))
        answers = [read_theirs(sample) for sample in SAMPLES]
        print('\n' + json.dumps(answers))
        return
    checkout = args.checkout.resolve()
    command = [args.peer_python, '-I', __file__, str(checkout), '--worker']
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answers = json.loads(done.stdout.splitlines()[-1])
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    for sample, theirs in zip(SAMPLES, answers, strict=True):
        different = compare(read_ours(sample, checkout), theirs)
        name = 'h36m in COCO form' if sample == H36M else sample[0]
        print(f'{name:26}{len(theirs["ids"]):4} persons  {"; ".join(different) or "equal"}')


if __name__ == '__main__':
    main()
