"""The official files of Animal-Pose, AP-10K and APT-36K become what the datasets read."""

import json

import numpy as np
import pytest

from mmpose.dataset_tools.official import check_ap10k, convert_animalpose, split_ap10k, split_apt36k
from mmpose.datasets import CocoDataset
from mmpose.metainfo import load_metainfo
from tests.datasets import tiny_coco
from tests.datasets.tiny_coco import write_image

XML = """<annotation><image>{image}</image><category>{species}</category>
<visible_bounds {bounds}/>
<keypoints>{keypoints}</keypoints></annotation>"""
KEYPOINT = '<keypoint name="{}" visible="{}" x="{}" y="{}" z="0.00"/>'
BOUNDS = 'height="40.0" width="50.0" xmin="5.0" ymin="6.0"'


def write_xml(path, image, keypoints, bounds=BOUNDS):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = ''.join(KEYPOINT.format(*point) for point in keypoints)
    content = {'image': image, 'species': path.parent.name, 'bounds': bounds, 'keypoints': text}
    path.write_text(XML.format(**content))


@pytest.fixture
def animals(tmp_path):
    """A dataset of 10 VOC images, one with 2 animals, and 1 other image."""
    root = tmp_path / 'animalpose'
    eyes = [('L_Eye', 1, 11.5, 12), ('R_Eye', 0, 0, 0), ('TailBase', 1, 50, 30)]
    for i in range(10):
        write_image(root / f'VOC2011/JPEGImages/2007_{i}.jpg')
        species = ('cat', 'dog')[i % 2]
        write_xml(
            root / f'PASCAL2011_animal_annotation/{species}/2007_{i}_1.xml', f'2007_{i}', eyes
        )
    write_xml(root / 'PASCAL2011_animal_annotation/dog/2007_0_2.xml', '2007_0', eyes)
    write_image(root / 'animalpose_image_part2/horse/ho1.jpeg', (70, 60))
    variants = [('L_eye', 1, 1, 2), ('R_ear', 1, 3, 4), ('tail', 1, 5, 6), ('L_F_paw', 1, 7, 8)]
    xmax = BOUNDS.replace('ymin', 'xmax')
    write_xml(root / 'animalpose_anno2/horse/ho1.xml', 'ho1', variants, xmax)
    return root


def test_animalpose(animals, tmp_path):
    counts = convert_animalpose(animals, tmp_path / 'out')
    assert counts['trainval'] == counts['train'] + counts['val'] == 11
    assert counts['test'] == 1
    data = CocoDataset(
        'animalpose_trainval.json',
        str(tmp_path / 'out'),
        {'img': str(animals)},
        metainfo='animalpose',
    )
    sample = data.get_sample(0)
    assert sample['image_file'] == str(animals / 'VOC2011/JPEGImages/2007_0.jpg')
    np.testing.assert_array_equal(sample['bbox_xywh'], [5, 6, 49, 39])
    names = data.dataset_meta.keypoint_names
    labelled = {
        names[i]: sample['keypoints'][i].tolist()
        for i in np.flatnonzero(sample['keypoints_visible'])
    }
    assert labelled == {'L_Eye': [11.5, 12], 'TailBase': [50, 30]}
    assert data.get_sample(1)['img_id'] == sample['img_id'], 'two animals of one image'
    assert len(data.store.image_ids) == 10

    test = CocoDataset(
        'animalpose_test.json', str(tmp_path / 'out'), {'img': str(animals)}, metainfo='animalpose'
    ).get_sample(0)
    points = {
        names[i]: test['keypoints'][i].tolist() for i in np.flatnonzero(test['keypoints_visible'])
    }
    assert points == {
        'L_Eye': [1, 2], 'R_EarBase': [3, 4], 'TailBase': [5, 6], 'L_F_Paw': [7, 8],
    }  # fmt: skip
    np.testing.assert_array_equal(test['bbox_xywh'], [5, 6, 49, 39])


def image_names(path):
    return {image['file_name'].split('/')[-1] for image in json.loads(path.read_text())['images']}


def test_animalpose_splits(animals, tmp_path):
    convert_animalpose(animals, tmp_path / 'a')
    train, val, both = (
        image_names(tmp_path / f'a/animalpose_{name}.json') for name in ('train', 'val', 'trainval')
    )
    assert train | val == both
    assert not train & val
    convert_animalpose(animals, tmp_path / 'b')
    assert image_names(tmp_path / 'b/animalpose_val.json') == val
    (tmp_path / 'val.txt').write_text('2007_3\n2007_4.jpg\n')
    convert_animalpose(animals, tmp_path / 'c', val_list=tmp_path / 'val.txt')
    assert image_names(tmp_path / 'c/animalpose_val.json') == {'2007_3.jpg', '2007_4.jpg'}
    (tmp_path / 'val.txt').write_text('2007_3\n1999_9\n')
    with pytest.raises(ValueError, match=r"val\.txt: 1 of 2 images are not .*, first '1999_9'"):
        convert_animalpose(animals, tmp_path / 'c', val_list=tmp_path / 'val.txt')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('<annotation>', r'ho1\.xml is not valid XML'),
        ('<annotation/>', r"ho1\.xml: the elements 'image' and 'visible_bounds' are expected"),
        (
            XML.format(image='x', species='', bounds=BOUNDS, keypoints=''),
            r"ho1\.xml: image 'x' is in none of",
        ),
        (
            XML.format(image='ho1', species='', bounds='xmin="1"', keypoints=''),
            r"ho1\.xml: attribute 'xmax' of <visible_bounds .* is None, expected a number",
        ),
        (
            XML.format(
                image='ho1', species='', bounds=BOUNDS, keypoints=KEYPOINT.format('Horn', 1, 2, 3)
            ),
            r"ho1\.xml: unknown keypoint 'Horn', expected one of",
        ),
        (
            XML.format(
                image='ho1', species='', bounds=BOUNDS, keypoints=KEYPOINT.format('Nose', 1, '', 3)
            ),
            r"ho1\.xml: attribute 'x' of <keypoint name='Nose'> is '', expected a number",
        ),
    ],
)
def test_bad_animalpose(animals, tmp_path, text, message):
    (animals / 'animalpose_anno2/horse/ho1.xml').write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert_animalpose(animals, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_animalpose_tool(animals, tmp_path, run_converter):
    done = run_converter('animalpose', animals, '--out', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert 'trainval: 11' in done.stdout
    done = run_converter('animalpose', tmp_path, '--out', tmp_path / 'out')
    assert done.returncode == 1
    assert 'give the folder that holds the unpacked archives' in done.stderr


def ap10k(images, species=3, first=1):
    """Returns a COCO file of so many images, one animal each, species in turn."""
    names = list(load_metainfo('ap10k').keypoint_names)
    return {
        'images': [
            {'id': i, 'file_name': f'{i:012d}.jpg', 'width': 80, 'height': 60}
            for i in range(first, first + images)
        ],
        'annotations': [
            tiny_coco.annotation(100 + i, i, category_id=1 + i % species)
            for i in range(first, first + images)
        ],
        'categories': [{'id': 1 + i, 'name': f's{i}', 'keypoints': names} for i in range(species)],
    }


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def test_split_ap10k(tmp_path):
    files = [
        write(tmp_path / 'a.json', ap10k(40)),
        write(tmp_path / 'b.json', ap10k(20, first=41)),
    ]
    assert split_ap10k(files, tmp_path / 'out') == {'train': 42, 'val': 6, 'test': 12}
    own = [tmp_path / f'out/ap10k-{name}-split1.json' for name in ('train', 'val', 'test')]
    assert check_ap10k(own) == {path.name: n for path, n in zip(own, (42, 6, 12), strict=True)}
    for path, number in zip(own, (14, 2, 4), strict=True):
        data = json.loads(path.read_text())
        species = [ann['category_id'] for ann in data['annotations']]
        assert sorted(species) == sorted([1, 2, 3] * number), '7 : 1 : 2 of each species'
        assert len(data['categories']) == 3
    before = own[0].read_text()
    split_ap10k(files, tmp_path / 'out')
    assert own[0].read_text() == before
    with pytest.raises(FileExistsError, match=r'train-split1\.json exists .* output$'):
        split_ap10k(files, tmp_path / 'out', seed=1)
    assert own[0].read_text() == before
    split_ap10k(files, tmp_path / 'other', seed=1)
    assert (tmp_path / 'other' / own[0].name).read_text() != before


def test_bad_ap10k(tmp_path, run_converter):
    first = write(tmp_path / 'a.json', ap10k(6))
    second = write(tmp_path / 'b.json', ap10k(6, first=6))
    with pytest.raises(ValueError, match=r'b\.json shares 1 images with .*a\.json, first id 6'):
        check_ap10k([first, second])
    write(second, ap10k(6, species=2, first=7))
    with pytest.raises(ValueError, match=r'b\.json: its categories differ'):
        check_ap10k([first, second])
    write(second, {**ap10k(6, first=7), 'annotations': ap10k(6)['annotations']})
    with pytest.raises(ValueError, match=r'b\.json: annotation 101: image 1 or .* not listed'):
        check_ap10k([first, second])
    changed = ap10k(6)
    changed['images'][0]['file_name'] = 'x.jpg'
    write(second, changed)
    with pytest.raises(ValueError, match=r'b\.json: image 1 differs from the one of the same id'):
        split_ap10k([first, second], tmp_path)
    write(second, {'images': []})
    with pytest.raises(ValueError, match=r"b\.json: field 'images' is missing or empty"):
        check_ap10k([second])
    done = run_converter('ap10k', first, second, '--check')
    assert done.returncode == 1
    assert "b.json: field 'images' is missing or empty" in done.stderr


PREFIX = 'D:\\Animal_pose\\AP-36k-patr1\\'


def apt36k(clips=10, frames=3):
    data = ap10k(2 * clips * frames, species=2)
    for i, image in enumerate(data['images']):
        clip, frame = divmod(i, frames)
        species = ('3cat', '29wolf')[clip % 2]
        image['file_name'] = f'{PREFIX}{species}\\v{clip}c1\\frame{frame}.jpg'
    return data


def test_split_apt36k(tmp_path):
    path = write(tmp_path / 'apt36k_annotations.json', apt36k())
    counts = split_apt36k(path, tmp_path / 'out')
    assert counts == {'train': 42, 'val': 6, 'test': 12, 'missing': 0}
    clips = {}
    for name in ('train', 'val', 'test'):
        data = json.loads((tmp_path / f'out/{name}_annotations_1.json').read_text())
        assert len(data['annotations']) == len(data['images']) == counts[name]
        files = [image['file_name'] for image in data['images']]
        assert all(file.startswith(('3cat/v', '29wolf/v')) for file in files)
        clips[name] = {file.rpartition('/')[0] for file in files}
        assert sum(clip.startswith('3cat') for clip in clips[name]) == len(clips[name]) // 2
    assert not clips['train'] & clips['val']
    assert not clips['train'] & clips['test']


def test_apt36k_beside_its_images(tmp_path):
    """Names become those below the given folder, however it was unpacked."""
    path = write(tmp_path / 'apt36k_annotations.json', apt36k(clips=1, frames=2))
    for species, clip in (('3cat', 'v0c1'), ('29wolf', 'v1c1')):
        for frame in range(2):
            write_image(tmp_path / f'AP-36k-patr1/{species}/{clip}/frame{frame}.jpg')
    split_apt36k(path, tmp_path / 'a', tmp_path)
    data = json.loads((tmp_path / 'a/train_annotations_1.json').read_text())
    assert data['images'][0]['file_name'] == 'AP-36k-patr1/3cat/v0c1/frame0.jpg'
    split_apt36k(path, tmp_path / 'b', tmp_path / 'AP-36k-patr1')
    data = json.loads((tmp_path / 'b/train_annotations_1.json').read_text())
    assert data['images'][0]['file_name'] == '3cat/v0c1/frame0.jpg'

    (tmp_path / 'AP-36k-patr1/3cat/v0c1/frame0.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 4 images are not below .*--skip-missing'):
        split_apt36k(path, tmp_path / 'c', tmp_path)
    counts = split_apt36k(path, tmp_path / 'c', tmp_path, skip_missing=True)
    assert counts['missing'] == 1


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (None, "image 1: field 'file_name' is None, expected a path"),
        ('a\\..\\..\\b.jpg', 'image 1: the name .* leads out of its folder'),
    ],
)
def test_bad_apt36k(tmp_path, name, message):
    data = apt36k()
    data['images'][0]['file_name'] = name
    with pytest.raises((TypeError, ValueError), match=message):
        split_apt36k(write(tmp_path / 'a.json', data), tmp_path)


def test_apt36k_tool(tmp_path, run_converter):
    path = write(tmp_path / 'apt36k_annotations.json', apt36k())
    done = run_converter('apt36k', path, '--out', tmp_path / 'out')
    assert (done.returncode, done.stdout.split()[:2]) == (0, ['train:', '42'])
    done = run_converter('apt36k', path, '--out', tmp_path / 'out', '--images', tmp_path)
    assert done.returncode == 1
    assert '60 of 60 images are not below' in done.stderr
