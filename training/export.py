"""Writes the model package of `mini` from the trained weights: OpenVINO IR and a tokenizer."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import openvino
import torch
from openvino import opset13 as ops
from torch import nn

from training.networks import TextEncoder
from training.photos.join import JoinedImages, JoinedWords, trained
from training.photos.views import SIZE
from training.photos.vocabulary import Words
from training.photos.words import PhotoWords
from training.vocabulary import CONTEXT, make_tokenizer

HERE = Path(__file__).parent
LEAST_COMPRESSED = 12_000
RAISED = 256  # scales would be below the normal range of f16


def main() -> None:
    """Write image_encoder, text_encoder and tokenizer.json into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=HERE / "out")
    parser.add_argument(
        "--package", type=Path, default=HERE.parent / "core/hamsight_core/models/mini"
    )
    options = parser.parse_args()
    options.package.mkdir(parents=True, exist_ok=True)
    image, text = joined(options.weights)
    pixels = torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8)
    ids = torch.randint(0, len(text.photos.rows), (2, CONTEXT))
    convert(image, "input", pixels, options.package / "image_encoder.xml")
    convert(text, "input_ids", ids, options.package / "text_encoder.xml")
    shutil.copyfile(options.weights / "tokenizer.json", options.package / "tokenizer.json")


def joined(folder: Path) -> tuple[JoinedImages, JoinedWords]:
    """Return both encoders with the weights that the stages of the training left in a folder."""
    gate = torch.load(folder / "gate.pt", weights_only=True)
    reader = TextEncoder(make_tokenizer().get_vocab_size(), CONTEXT)
    reader.load_state_dict(torch.load(folder / "refined.pt", weights_only=True)["text"])
    words = Words.load(folder)
    bag = PhotoWords(words.rows)
    bag.load_state_dict(torch.load(folder / "words.pt", weights_only=True))
    image = JoinedImages(*trained(folder), SIZE)
    image.gate.load_state_dict(gate["pictures"])
    text = JoinedWords(reader, bag, words.scene_words)
    with torch.no_grad():
        text.weights.weight.copy_(gate["words"])
        text.base.copy_(gate["base"])
    return image, text


def convert(network: nn.Module, name: str, example: torch.Tensor, path: Path) -> None:
    """Save the network with any number of rows in its input, large weights in eight bits."""
    network.eval()
    shape = openvino.PartialShape([-1, *example.shape[1:]])
    model = openvino.convert_model(network, example_input=(example,), input=[shape])
    model.inputs[0].set_names({name})
    model.outputs[0].set_names({"embedding"})
    compress(model)
    openvino.save_model(model, path, compress_to_fp16=False)


def compress(model: openvino.Model) -> None:
    """Keep each large weight as i8 and a scale for each row of its first dimension, in place.

    They are put together in f16, as hamsight_core.models.weights does it and for the same reason.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() != openvino.Type.f32:
            continue
        values = node.get_data()
        if values.ndim < 2 or values.size < LEAST_COMPRESSED:
            continue
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = np.where(largest > 0, largest / 127, 1)
        rounded = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        half = ops.multiply(
            ops.convert(ops.constant(rounded), openvino.Type.f16),
            ops.constant((scale * RAISED).astype(np.float16)),
        )
        whole = ops.multiply(
            ops.convert(half, openvino.Type.f32), ops.constant(np.float32(1 / RAISED))
        )
        for consumer in node.output(0).get_target_inputs():
            consumer.replace_source_output(whole.output(0))


if __name__ == "__main__":
    main()
