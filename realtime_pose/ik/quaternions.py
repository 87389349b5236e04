"""Rotations as unit quaternions (x, y, z, w), in arrays of any leading shape (..., 4).

``multiply(a, b)`` turns by ``b`` first, as the product of their matrices does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])
# Below this angle or sine, rad, the direction of an axis is rounding noise.
TINY = 1e-12
SMALLEST = 1e-300  # added to squares, so that x / x is 1 at 0
# Products, and the entries of a rotation matrix, are bilinear: one matrix product gives them all,
# since the number of calls is what few rotations cost. (4, 4, 4): a, b, a * b.
PRODUCT = np.zeros((4, 4, 4))
PRODUCT[
    [[3, 2, 1, 0], [2, 3, 0, 1], [1, 0, 3, 2], [0, 1, 2, 3]], np.arange(4), np.arange(4)[:, None]
] = [[1, -1, 1, 1], [1, 1, -1, 1], [-1, 1, 1, 1], [-1, -1, -1, 1]]
# Columns of the matrix are q * axis * conjugate(q). (16, 9): q, q, row, column.
MATRIX = np.einsum('acm,mbr,b->abrc', PRODUCT[:, :3], PRODUCT[..., :3], [-1.0, -1, -1, 1])
MATRIX = 0.5 * (MATRIX + MATRIX.swapaxes(0, 1)).reshape(16, 9)
PRODUCT = PRODUCT.reshape(16, 4)
# The factors of the 16 pairs.
FIRST, SECOND = np.repeat(np.eye(4), 4, axis=1), np.tile(np.eye(4), 4)
UNIT = np.eye(4).reshape(16)
# Sums of x, y and z as products, which are faster than sums and ``einsum``.
ONES, QUARTERS = np.ones(3), np.full((3, 1), 0.25)


def normalized(quaternions: ArrayLike) -> Array:
    """Returns quaternions of length 1."""
    q = np.asarray(quaternions, np.float64)
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def conjugate(quaternions: ArrayLike) -> Array:
    """Returns the inverse rotations."""
    return np.asarray(quaternions, np.float64) * (-1, -1, -1, 1)


def multiply(first: ArrayLike, second: ArrayLike) -> Array:
    """Returns the products ``first * second``."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    return np.asarray(((a @ FIRST) * (b @ SECOND)) @ PRODUCT)


def rotate(quaternions: ArrayLike, vectors: ArrayLike) -> Array:
    """Returns vectors (..., 3) turned by quaternions (..., 4)."""
    q, v = np.asarray(quaternions, np.float64), np.asarray(vectors, np.float64)
    turned = 2 * cross(q, v)
    return v + q[..., 3:] * turned + cross(q, turned)


def cross(first: Array, second: Array) -> Array:
    """Returns the cross products of the first three numbers, several times faster than NumPy's."""
    after, before = first.take((1, 2, 0), axis=-1), first.take((2, 0, 1), axis=-1)
    return after * second.take((2, 0, 1), axis=-1) - before * second.take((1, 2, 0), axis=-1)


def dot(first: Array, second: Array) -> Array:
    """Returns the scalar products (...) of vectors (..., 3)."""
    return (first * second) @ ONES


def from_rotvec(vectors: ArrayLike) -> Array:
    """Returns the rotations about axes (..., 3) by the angles, rad, that are their lengths."""
    v = np.asarray(vectors, np.float64)
    half = np.sqrt((v * v) @ QUARTERS + SMALLEST)
    q = np.empty((*v.shape[:-1], 4))
    np.multiply(np.sin(half) / (half + half), v, out=q[..., :3])
    np.cos(half, out=q[..., 3:])
    return q


def to_rotvec(quaternions: ArrayLike) -> Array:
    """Returns axis times angle, rad, of the shorter way round (..., 3)."""
    q = np.asarray(quaternions, np.float64)
    q = np.where(q[..., 3:] < 0, -q, q)
    sine = np.linalg.norm(q[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., 3:])
    return np.where(sine > TINY, angle / np.maximum(sine, TINY), 2.0) * q[..., :3]


def to_matrix(quaternions: ArrayLike) -> Array:
    """Returns rotation matrices (..., 3, 3)."""
    q = np.asarray(quaternions, np.float64)
    return (((q @ FIRST) * (q @ SECOND)) @ MATRIX).reshape(*q.shape[:-1], 3, 3)


def from_matrix(matrices: ArrayLike) -> Array:
    """Returns the quaternions of rotation matrices (..., 3, 3), with w >= 0."""
    m = np.asarray(matrices, np.float64)
    # Row i is the quaternion times 4 times its component i; the longest row is the best known.
    rows = (m.reshape(-1, 9) @ MATRIX.T + UNIT).reshape(-1, 4)
    best = rows.reshape(-1, 16)[:, ::5].argmax(axis=-1)
    q = rows.take(4 * np.arange(len(best)) + best, axis=0)
    q /= np.copysign(np.sqrt((q * q).sum(axis=-1)), q[:, 3])[:, None]
    return q.reshape(*m.shape[:-2], 4)


def between(start: ArrayLike, end: ArrayLike) -> Array:
    """Returns the shortest rotations that turn unit vectors ``start`` (..., 3) into ``end``."""
    a, b = np.broadcast_arrays(np.asarray(start, np.float64), np.asarray(end, np.float64))
    q = np.concatenate([cross(a, b), 1 + np.sum(a * b, axis=-1, keepdims=True)], axis=-1)
    # Opposite vectors: half a turn about anything perpendicular.
    other = np.where(np.abs(a[..., :1]) < 0.9, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    half_turn = np.concatenate([cross(a, other), np.zeros_like(q[..., :1])], axis=-1)
    return normalized(np.where(np.linalg.norm(q, axis=-1, keepdims=True) > 1e-9, q, half_turn))


def slerp(start: ArrayLike, end: ArrayLike, fraction: ArrayLike) -> Array:
    """Returns rotations on the shorter way from ``start`` (0) to ``end`` (1)."""
    a = np.asarray(start, np.float64)
    way = to_rotvec(multiply(conjugate(a), end))
    return multiply(a, from_rotvec(way * np.asarray(fraction, np.float64)[..., None]))


def same_hemisphere(quaternions: ArrayLike, reference: ArrayLike) -> Array:
    """Returns the same rotations with the signs that lie nearer to ``reference``."""
    q = np.asarray(quaternions, np.float64)
    return np.where(np.sum(q * np.asarray(reference), axis=-1, keepdims=True) < 0, -q, q)


def continuous(quaternions: ArrayLike) -> Array:
    """Returns a sequence (T, ..., 4) in which no quaternion jumps to the opposite sign."""
    q = np.array(quaternions, np.float64)
    for t in range(1, len(q)):
        q[t] = same_hemisphere(q[t], q[t - 1])
    return q
