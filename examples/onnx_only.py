"""Inference with an exported ONNX file by NumPy, OpenCV and onnxruntime only.

    python examples/onnx_only.py MODEL.onnx IMAGE [--box X1 Y1 X2 Y2] ... [--out DRAWN.jpg]

The model is one of tools/export.py, whose file has all metadata (input size, normalisation,
keypoints, skeleton links, colours). Without --box the whole image is one person.
"""

import argparse
import json

import cv2
import numpy as np
import onnxruntime


class Model:
    """Exported model: crops in, keypoints out."""

    def __init__(self, path, dataset=None):
        self.session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
        texts = self.session.get_modelmeta().custom_metadata_map
        if 'mmpose' not in texts:
            raise SystemExit(f'{path} has no metadata; make it with tools/export.py')
        self.about = json.loads(texts['mmpose'])
        names = [one['name'] for one in self.about['datasets']]
        if dataset is not None and dataset not in names:
            raise SystemExit(f"--dataset is '{dataset}', expected one of {names}")
        self.index = 0 if dataset is None else names.index(dataset)
        self.dataset = self.about['datasets'][self.index]
        self.skeleton = self.dataset['dataset_meta']

    def __call__(self, image, boxes):
        """Joints (N, K, 2), image px, and scores (N, K) of boxes (N, 4), x1 y1 x2 y2."""
        matrices = np.stack([self.crop_matrix(box) for box in boxes])
        size = tuple(self.about['input_size'])
        crops = np.stack([cv2.warpAffine(image, m, size) for m in matrices])
        points, scores = self.decode(*self.run(self.normalize(crops)))
        num = len(self.skeleton['keypoint_names'])  # others are those of larger skeletons
        return to_image(points[:, :num], matrices), scores[:, :num]

    def crop_matrix(self, box):
        """Affine (2, 3) from image px to crop px: the padded box, in the shape of the crop."""
        box, size = np.array(box, float), np.array(self.about['input_size'], float)
        center, window = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        if self.dataset['stretch']:
            window = np.full(2, window.max())
        else:
            window = np.maximum(window, window[::-1] * [size[0] / size[1], size[1] / size[0]])
        window = window * self.dataset['padding']
        if self.dataset['use_udp']:  # UDP counts between the centres of the corner pixels
            size = size - 1
            scale = size / window
        else:
            scale = np.repeat(size[0] / window[0], 2)
        return np.column_stack([np.diag(scale), size / 2 - scale * center])

    def normalize(self, crops):
        """Input of the network (N, 3, h, w) from crops (N, h, w, 3) uint8 BGR."""
        if len(self.about['mean']) > 3:
            raise ValueError('the network reads the boxes of all people too; see docs/crowds.md')
        if self.about['channel_order'] == 'rgb':
            crops = crops[..., ::-1]
        crops = (crops.astype(np.float32) - self.about['mean']) / self.about['std']
        return np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32)

    def run(self, inputs):
        """Outputs of the network, also where it takes a fixed number of crops a call."""
        extra = {}
        if len(self.about['datasets']) > 1:
            extra['dataset_idx'] = np.array([self.index])
        size = self.about['batch_size'] or len(inputs)
        parts = []
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            outputs = self.session.run(None, {'input': filled, **extra})
            parts.append([output[: len(part)] for output in outputs])
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def decode(self, *outputs):
        """Joints (N, K, 2), crop px, and scores (N, K)."""
        if self.about['decoded']:
            return outputs[:2]  # a third one is visibility
        codec, maps = self.dataset['codec'], outputs[0]
        kind = codec.get('decoder', 'quarter') if codec['type'] == 'MSRAHeatmap' else codec['type']
        if kind not in ('UDPHeatmap', 'quarter', 'argmax'):
            raise SystemExit(f'heatmaps of {codec["type"]} need tools/export.py --decode-in-graph')
        points = np.zeros((*maps.shape[:2], 2))
        scores = maps.max(axis=(2, 3))
        for person, keypoint in np.ndindex(*scores.shape):
            heatmap = maps[person, keypoint]
            y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
            step = np.zeros(2)
            if kind == 'UDPHeatmap':
                step = dark_step(heatmap, x, y, codec.get('blur_kernel_size', 11))
            elif kind == 'quarter':
                step = quarter_step(heatmap, x, y)
            points[person, keypoint] = np.add([x, y], step) if scores[person, keypoint] > 0 else -1
        less = int(self.dataset['use_udp'])
        cells = np.array(maps.shape[:1:-1]) - less
        return points * ((np.array(self.about['input_size']) - less) / cells), scores


def quarter_step(heatmap, x, y):
    """A quarter of a cell towards the higher neighbour; none at the border."""
    height, width = heatmap.shape
    if not (1 < x < width - 1 and 1 < y < height - 1):
        return np.zeros(2)
    slope_x = heatmap[y, x + 1] - heatmap[y, x - 1]
    slope_y = heatmap[y + 1, x] - heatmap[y - 1, x]
    return np.sign([slope_x, slope_y]) / 4


def dark_step(heatmap, x, y, kernel):
    """Newton step to the maximum of the log of the blurred map (Zhang et al., CVPR 2020)."""
    blurred = cv2.GaussianBlur(heatmap, (kernel, kernel), 0)
    padded = np.pad(blurred, 1, mode='edge')[y : y + 3, x : x + 3]
    log = np.log(np.clip(padded, 0.001, 50)).astype(float)
    log -= log[1, 1]
    left, right, up, down = log[1, 0], log[1, 2], log[0, 1], log[2, 1]
    xx, yy = left + right, up + down
    xy = (log[0, 0] + log[2, 2] - xx - yy) / 2
    hessian = np.array([[xx, xy], [xy, yy]]) + np.finfo(np.float32).eps * np.eye(2)
    return np.linalg.solve(hessian, [left - right, up - down]) / 2


def to_image(points, matrices):
    """Transforms keypoints (N, K, 2) from crop px to image px."""
    inverse = np.linalg.inv(matrices[:, :, :2])
    return (points - matrices[:, None, :, 2]) @ inverse.transpose(0, 2, 1)


def draw(image, skeleton, points, scores, threshold=0.3):
    """Draws the skeleton of a person, with lines scaled to its size."""
    seen = scores >= threshold
    if not seen.any():
        return
    width = max(1, round(np.ptp(points[seen], axis=0).max() / 100))
    fixed = np.round(points * 16).astype(int)  # OpenCV takes 1/16 px with shift=4
    for (start, end), rgb in zip(
        skeleton['skeleton_links'], skeleton['skeleton_link_colors'], strict=True
    ):
        if seen[start] and seen[end]:
            a, b = fixed[start].tolist(), fixed[end].tolist()
            cv2.line(image, a, b, rgb[::-1], width, cv2.LINE_AA, shift=4)
    for keypoint, rgb in enumerate(skeleton['keypoint_colors']):
        if seen[keypoint]:
            center, radius = fixed[keypoint].tolist(), 16 * (width + 1)
            cv2.circle(image, center, radius, rgb[::-1], -1, cv2.LINE_AA, shift=4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', help='ONNX file of tools/export.py')
    parser.add_argument('image')
    parser.add_argument(
        '--box', nargs=4, type=float, action='append', metavar=('X1', 'Y1', 'X2', 'Y2')
    )
    parser.add_argument('--dataset', help='of a model for several')
    parser.add_argument('--out', help='file for the drawn image')
    args = parser.parse_args()

    image = cv2.imread(args.image, cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f'{args.image} cannot be read as an image')
    boxes = args.box or [[0, 0, image.shape[1], image.shape[0]]]
    model = Model(args.model, args.dataset)
    points, scores = model(image, boxes)
    people = [
        {'box': box, 'keypoints': xy.round(2).tolist(), 'scores': confidence.round(4).tolist()}
        for box, xy, confidence in zip(boxes, points, scores, strict=True)
    ]
    print(json.dumps({'keypoint_names': model.skeleton['keypoint_names'], 'people': people}))
    if args.out:
        for xy, confidence in zip(points, scores, strict=True):
            draw(image, model.skeleton, xy, confidence)
        if not cv2.imwrite(args.out, image):
            raise SystemExit(f'{args.out} cannot be written')


if __name__ == '__main__':
    main()
