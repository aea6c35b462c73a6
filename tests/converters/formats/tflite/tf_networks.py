"""Small TFLite files with one operation of interest between two convolutions, made with TensorFlow's own converter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Middle = Callable[[Any], Any]
MIDDLES: dict[str, Middle] = {
    "nothing": lambda x: x,
    "nearest": lambda x: tf.image.resize(x, (16, 16), "nearest"),
    "bilinear": lambda x: tf.image.resize(x, (16, 16)),
    "average pool": lambda x: tf.nn.avg_pool2d(x, 2, 2, "SAME"),
    "max pool": lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"),
    "gather": lambda x: tf.gather(x, [2, 0, 1], axis=3),
    "mirror pad": lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"),
    "reverse": lambda x: tf.reverse(x, [1]),
    "five joined": lambda x: tf.concat([x + number for number in (0.5, 1.0, 1.5, 2.0, 2.5)], axis=3),
    "six joined": lambda x: tf.concat([x + number for number in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)], axis=3),
    "relu of what others use": lambda x: tf.nn.relu(x) + x,
    "relu6 of what others use": lambda x: tf.nn.relu6(x) + x,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
    "softmax": tf.nn.softmax,
    "gelu": tf.nn.gelu,
    "exp": tf.exp,
    "cos": tf.cos,
    "abs": tf.abs,
    "negative": tf.negative,
    "square": tf.square,
    "root": lambda x: tf.sqrt(tf.abs(x)),
    "inverse root": lambda x: tf.math.rsqrt(tf.abs(x) + 1.0),
    "quotient": lambda x: x / (tf.abs(x) + 1.0),
    "maximum": lambda x: tf.maximum(x, 0.1 * tf.reverse(x, [1])),
    "elu": tf.nn.elu,
    "leaky relu": tf.nn.leaky_relu,
    "hard swish": lambda x: x * tf.nn.relu6(x + 3.0) / 6.0,
    "squared difference": lambda x: tf.math.squared_difference(x, 0.5 * x),
    "ceiling": tf.math.ceil,
    "log": lambda x: tf.math.log(tf.abs(x) + 1.0),
    "concatenation": lambda x: tf.concat([x, x + 1.0], 3),
    "split": lambda x: tf.concat(tf.split(x, 3, 3)[::-1], 3),
    "depth to space": lambda x: tf.nn.depth_to_space(tf.concat([x, x, x, x], 3), 2),
    "transposed convolution": lambda x: tf.nn.conv2d_transpose(x, tf.ones((2, 2, 3, 3)) * 0.1, (1, 16, 16, 3), 2),
    "every second": lambda x: x[:, ::2, ::2],
    "mean": lambda x: x - tf.reduce_mean(x, (1, 2), keepdims=True),
    "sum": lambda x: x - tf.reduce_sum(x, (1, 2), keepdims=True),
    "five axes": lambda x: tf.reshape(tf.transpose(tf.reshape(x, (1, 2, 4, 8, 3)), (0, 2, 1, 3, 4)), (1, 8, 8, 3)),
    "outer product": lambda x: x[:, :, :1] * x[:, :1],
    "floor": tf.floor,
    "batch matmul": lambda x: tf.reshape(tf.matmul(x[0], x[0], transpose_b=True), (1, 8, 8, 8)),
    "batch to space": lambda x: tf.batch_to_space(
        tf.space_to_batch(x, (2, 2), [[0, 0], [0, 0]]), (2, 2), [[0, 0], [0, 0]]
    ),
}


def make(folder: Path, middle: Middle, *, int8: bool = False, labels: bool = False) -> Path:
    """convolution, `middle`, convolution (and the largest channel if `labels`) on an 8 x 8 picture, as a .tflite
    file."""
    random = np.random.default_rng(0)
    first = tf.constant(random.normal(size=(3, 3, 3, 3)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
    def network(image: Any) -> Any:
        x = middle(tf.nn.conv2d(image, first, 1, "SAME") + 0.1)
        channels = x.shape[3]
        last = tf.constant(np.random.default_rng(1).normal(size=(1, 1, channels, 4)).astype(np.float32))
        x = tf.nn.conv2d(x, last, 1, "SAME") + 0.1
        return tf.argmax(x, 3, output_type=tf.int32) if labels else x

    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([random.random((1, 8, 8, 3), np.float32)] for _ in range(4))
    path = folder / "network.tflite"
    path.write_bytes(converter.convert())
    return path
