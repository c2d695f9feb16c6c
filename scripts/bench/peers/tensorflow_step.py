"""Lesson 3's training step in TensorFlow: Keras's GRU, unrolled and compiled by XLA. This is its fastest form."""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # no start-up messages

import tensorflow as tf  # noqa: E402
from serve import serve  # noqa: E402

BATCH, LENGTH, PIXELS, HIDDEN, CLASSES = 100, 28, 28, 128, 10


def main():
    tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.random.set_seed(0)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((LENGTH, PIXELS), batch_size=BATCH),
            tf.keras.layers.GRU(HIDDEN, return_sequences=True, unroll=True),
            tf.keras.layers.GRU(HIDDEN, unroll=True),
            tf.keras.layers.Dense(CLASSES),
        ]
    )
    criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tf.keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    x = tf.random.normal((BATCH, LENGTH, PIXELS))
    targets = tf.random.uniform((BATCH,), maxval=CLASSES, dtype=tf.int32)

    @tf.function(jit_compile=True)
    def train():
        with tf.GradientTape() as tape:
            loss = criterion(targets, model(x, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        return loss

    serve(lambda: train().numpy())


main()
