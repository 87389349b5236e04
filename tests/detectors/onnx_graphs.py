"""Small ONNX graphs with the inputs and outputs of YOLOX and RTMDet."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_constant(path, outputs, input_shape, metadata=None, dtype=TensorProto.FLOAT):
    """Writes a graph that gives the same arrays, ``{name: array}``, for every input."""
    nodes = [
        helper.make_node('Constant', [], [name], value=numpy_helper.from_array(value, name))
        for name, value in outputs.items()
    ]
    infos = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in outputs.items()
    ]
    _save(path, nodes, infos, input_shape, metadata, dtype)


def save_bright_box_finder(path, input_shape, threshold):
    """Writes a graph that gives one box, around whatever is brighter than ``threshold``.

    The outputs are those of a graph with non-maximum suppression: ``dets`` (B, 1, 5) with score
    0.9 and ``labels`` (B, 1). So the place of something in an image can be followed through the
    scaling into the input and back. The red channel counts.
    """

    def constant(name, value):
        return helper.make_node('Constant', [], [name], value=numpy_helper.from_array(value, name))

    nodes = [
        constant('two', np.array([2], np.int64)),
        constant('three', np.array([3], np.int64)),
        constant('one', np.array([1], np.int64)),
        constant('threshold', np.float32(threshold)),
        helper.make_node('Slice', ['input', 'two', 'three', 'one'], ['red']),  # (B, 1, h, w)
        helper.make_node('Greater', ['red', 'threshold'], ['is_bright']),
        helper.make_node('Cast', ['is_bright'], ['bright'], to=TensorProto.FLOAT),
        constant('zero_score', np.float32(0.9)),
    ]
    for axis, over in (('x', 2), ('y', 3)):
        nodes += [
            constant(f'over_{axis}', np.array([over], np.int64)),
            helper.make_node(
                'ReduceMax', ['bright', f'over_{axis}'], [f'profile_{axis}'], keepdims=0
            ),  # (B, 1, w or h)
            helper.make_node('ArgMax', [f'profile_{axis}'], [f'first_{axis}'], axis=2, keepdims=1),
            helper.make_node(
                'ArgMax', [f'profile_{axis}'], [f'last_{axis}'], axis=2, keepdims=1,
                select_last_index=1,
            ),
            helper.make_node('Add', [f'last_{axis}', 'one'], [f'end_{axis}']),
        ]  # fmt: skip
    corners = ['first_x', 'first_y', 'end_x', 'end_y']
    nodes += [
        helper.make_node('Concat', corners, ['corners_int'], axis=2),  # (B, 1, 4)
        helper.make_node('Cast', ['corners_int'], ['corners'], to=TensorProto.FLOAT),
        helper.make_node('Cast', ['first_x'], ['first_float'], to=TensorProto.FLOAT),
        helper.make_node('Sub', ['first_float', 'first_float'], ['zero']),
        helper.make_node('Add', ['zero', 'zero_score'], ['score']),  # (B, 1, 1)
        helper.make_node('Concat', ['corners', 'score'], ['dets'], axis=2),
        helper.make_node('Sub', ['first_x', 'first_x'], ['zero_int']),
        helper.make_node('Squeeze', ['zero_int', 'two'], ['labels']),  # (B, 1)
    ]
    infos = [
        helper.make_tensor_value_info('dets', TensorProto.FLOAT, [input_shape[0], 1, 5]),
        helper.make_tensor_value_info('labels', TensorProto.INT64, [input_shape[0], 1]),
    ]
    _save(path, nodes, infos, input_shape, None, TensorProto.FLOAT)


def _save(path, nodes, output_infos, input_shape, metadata, dtype):
    info = helper.make_tensor_value_info('input', dtype, input_shape)
    graph = helper.make_graph(nodes, 'graph', [info], output_infos)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])
    model.ir_version = 8
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def raw_yolox(boxes_xywh, labels, scores, input_size, num_classes, strides=(8, 16, 32),
              decoded=False):  # fmt: skip
    """Returns the (1, A, 5 + C) output in which YOLOX would find boxes (N, 4), in input px."""
    shapes_wh = [(input_size[0] // s, input_size[1] // s) for s in strides]
    counts = [w * h for w, h in shapes_wh]
    output = np.zeros((1, sum(counts), 5 + num_classes), np.float32)
    if decoded:  # every cell has its place; nothing is there
        start = 0
        for (w, h), stride in zip(shapes_wh, strides, strict=True):
            for row in range(h):
                for column in range(w):
                    output[0, start + row * w + column, :4] = (
                        column * stride, row * stride, stride, stride,
                    )  # fmt: skip
            start += w * h
    for (x, y, width, height), label, score in zip(boxes_xywh, labels, scores, strict=True):
        level = min(int(max(width, height) // 100), len(strides) - 1)
        stride = strides[level]
        center_x, center_y = x + width / 2, y + height / 2
        column, row = int(center_x // stride), int(center_y // stride)
        cell = sum(counts[:level]) + row * shapes_wh[level][0] + column
        numbers = (
            center_x / stride - column, center_y / stride - row,
            np.log(width / stride), np.log(height / stride),
        )  # fmt: skip
        output[0, cell, :4] = (center_x, center_y, width, height) if decoded else numbers
        output[0, cell, 4] = np.sqrt(score)
        output[0, cell, 5 + label] = np.sqrt(score)
    return output
