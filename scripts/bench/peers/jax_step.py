"""Lesson 3's training step in JAX: one compiled function with the scan over the steps unrolled. This is its fastest form."""

import os
import sys

# XLA uses one thread for each core that the process may use.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from serve import serve  # noqa: E402

BATCH, LENGTH, PIXELS, HIDDEN, LAYERS, CLASSES = 100, 28, 28, 128, 2, 10
LR, BETA1, BETA2, EPS = 0.01, 0.9, 0.999, 1e-8


def main():
    keys = iter(jax.random.split(jax.random.key(0), 32))
    bound = HIDDEN**-0.5

    def draw(*shape):
        return jax.random.uniform(next(keys), shape, minval=-bound, maxval=bound)

    sizes = [PIXELS] + [HIDDEN] * (LAYERS - 1)
    layers = [(draw(size, 3 * HIDDEN), draw(HIDDEN, 3 * HIDDEN), draw(3 * HIDDEN), draw(3 * HIDDEN)) for size in sizes]
    params = (layers, draw(HIDDEN, CLASSES), draw(CLASSES))
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = (params, zeros, zeros, jnp.zeros(()))
    x = jax.random.normal(next(keys), (LENGTH, BATCH, PIXELS))
    targets = jax.random.randint(next(keys), (BATCH,), 0, CLASSES)

    def step():
        nonlocal state
        state, loss = train(state, x, targets)
        return jax.block_until_ready((state, loss))[1]

    serve(step)


@jax.jit
def train(state, x, targets):
    params, m, v, t = state
    loss, grads = jax.value_and_grad(loss_of)(params, x, targets)
    t += 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
    rate = LR * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPS), params, m, v)
    return (params, m, v, t), loss


def loss_of(params, x, targets):
    layers, weight, bias = params
    for layer in layers:
        x = gru(layer, x)
    scores = jax.nn.log_softmax(x[-1] @ weight + bias)
    return -jnp.take_along_axis(scores, targets[:, None], axis=1).mean()


def gru(layer, x):
    w_ih, w_hh, b_ih, b_hh = layer

    def cell(h, from_x):
        from_h = h @ w_hh + b_hh
        r_x, z_x, n_x = jnp.split(from_x, 3, axis=1)
        r_h, z_h, n_h = jnp.split(from_h, 3, axis=1)
        r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
        n = jnp.tanh(n_x + r * n_h)
        h = (1 - z) * n + z * h
        return h, h

    h0 = jnp.zeros((x.shape[1], HIDDEN))
    return jax.lax.scan(cell, h0, x @ w_ih + b_ih, unroll=LENGTH)[1]


main()
