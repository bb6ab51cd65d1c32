"""A package with the image encoder of CLIP ViT-B/32, its weights random: for timing alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIDE, PATCH, WIDTH, HEADS, LAYERS, DIMENSION = 224, 32, 768, 12, 12, 512
TOKENS = (SIDE // PATCH) ** 2 + 1
TOML = f"""name = "vit-b-32-random"
dimension = {DIMENSION}

[image]
file = "image.xml"
size = {SIDE}
mean = [0.48145466, 0.4578275, 0.40821073]
std = [0.26862954, 0.26130258, 0.27577711]
"""


def write_package(folder: Path, seed: int = 0) -> Path:
    """Write the package (350 MB in 32 bits) and return its folder."""
    import openvino as ov
    from openvino import opset13 as ops

    draw = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return (draw.standard_normal(shape) * 0.02).astype(np.float32)

    def norm(x):
        one = ops.mvn(x, np.array([2]), True, 1e-5, "inside_sqrt")
        return ops.add(ops.multiply(one, weights(WIDTH) + 1), weights(WIDTH))

    def linear(x, inner: int, outer: int):
        return ops.add(ops.matmul(x, weights(outer, inner), False, True), weights(outer))

    def heads(x):
        split = ops.reshape(x, np.array([0, TOKENS, HEADS, WIDTH // HEADS]), special_zero=True)
        return ops.transpose(split, np.array([0, 2, 1, 3]))

    def attention(x):
        query, key, value = (heads(linear(x, WIDTH, WIDTH)) for _ in range(3))
        seen = ops.scaled_dot_product_attention(query, key, value)
        joined = ops.transpose(seen, np.array([0, 2, 1, 3]))
        flat = ops.reshape(joined, np.array([0, TOKENS, WIDTH]), special_zero=True)
        return linear(flat, WIDTH, WIDTH)

    def perceptron(x):
        wide = linear(x, WIDTH, 4 * WIDTH)
        quick_gelu = ops.multiply(wide, ops.sigmoid(ops.multiply(wide, np.float32(1.702))))
        return linear(quick_gelu, 4 * WIDTH, WIDTH)

    given = ops.parameter([-1, 3, SIDE, SIDE], ov.Type.f32, "pixel_values")
    patches = ops.convolution(
        given, weights(WIDTH, 3, PATCH, PATCH), [PATCH, PATCH], [0, 0], [0, 0], [1, 1]
    )
    patches = ops.reshape(patches, np.array([0, WIDTH, TOKENS - 1]), special_zero=True)
    patches = ops.transpose(patches, np.array([0, 2, 1]))
    batch = ops.gather(ops.shape_of(given), np.array([0]), np.array(0))
    shape = ops.concat([batch, np.array([1, WIDTH])], 0)
    x = ops.concat([ops.broadcast(weights(1, 1, WIDTH), shape), patches], 1)
    x = norm(ops.add(x, weights(1, TOKENS, WIDTH)))
    for _ in range(LAYERS):
        x = ops.add(x, attention(norm(x)))
        x = ops.add(x, perceptron(norm(x)))
    first = norm(ops.slice(x, np.array([0]), np.array([1]), np.array([1]), np.array([1])))
    out = ops.matmul(ops.squeeze(first, np.array([1])), weights(DIMENSION, WIDTH), False, True)
    folder.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model([out], [given], "vit"), folder / "image.xml", False)
    (folder / "model.toml").write_text(TOML, "utf-8")
    return folder
