"""Weights: in 8 bits, as OpenVINO's plugins read them, and of a safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import openvino as ov
    from numpy.typing import NDArray

_FEWEST = 4096
_RAISED = 256.0  # a scale is often below the normal numbers of f16


def compress_weights(model: ov.Model) -> int:
    """Replace the float weights of matrix products by 8-bit ones; return how many matrices.

    A weight w of an output channel becomes round(w / s) with s = max |w| / 127 over the channel
    (symmetric, as `nncf.compress_weights` does it with INT8_SYM). Convolutions stay as they are.

    Bits and scale meet in f16: where they met in f32, OpenVINO 2026.4 gave wrong features of some
    networks (cosine 0.85 to the right ones) as soon as it ran two streams on a CPU.
    """
    done = 0
    for product in model.get_ordered_ops():
        if product.get_type_name() == "MatMul":
            done += _compress(product)
    return done


def _compress(product: ov.Node) -> bool:
    import numpy as np
    from openvino import opset13 as ops

    constant = product.input_value(1).get_node()
    if constant.get_type_name() == "Convert":
        constant = constant.input_value(0).get_node()
    if constant.get_type_name() != "Constant":
        return False
    weights = constant.get_data().astype(np.float32)
    if weights.ndim != 2 or weights.size < _FEWEST:
        return False
    inner = 1 if product.get_attributes()["transpose_b"] else 0
    scale = np.maximum(np.abs(weights).max(axis=inner, keepdims=True) / 127, 1e-12)
    bits = np.rint(weights / scale).astype(np.int8)
    raised = (scale * _RAISED).astype(np.float16)
    half = ops.multiply(ops.convert(ops.constant(bits), "f16"), raised)
    wide = ops.multiply(ops.convert(half, "f32"), np.float32(1 / _RAISED))
    product.input(1).replace_source_output(wide.output(0))
    return True


def read_matrix(file: Path) -> NDArray[np.float32]:
    """Return the one matrix (rows, columns) of a safetensors file, of 32-bit floats.

    The format is a length of 8 bytes, a header of JSON of that length, and the numbers.
    Raises ModelError where the file holds anything else.
    """
    import numpy as np

    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:start])
        tensors = {name: one for name, one in header.items() if name != "__metadata__"}
        (tensor,) = tensors.values()
        rows, columns = tensor["shape"]
        first, last = tensor["data_offsets"]
        if tensor["dtype"] != "F32":
            raise ValueError(f"it holds {tensor['dtype']}")
        numbers = np.frombuffer(data[start + first : start + last], "<f4")
        return numbers.reshape(rows, columns)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{file} is no safetensors file of one matrix of 32-bit floats: {error}"
        ) from None
