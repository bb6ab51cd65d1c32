"""Writes the model package of `mini` from the trained weights: OpenVINO IR and a tokenizer."""

from __future__ import annotations

import argparse
from pathlib import Path

import openvino
import torch
from torch import nn

from training.networks import Head, ImageEncoder, Sight, TextEncoder
from training.render import SIZE
from training.vocabulary import CONTEXT, make_tokenizer

HERE = Path(__file__).parent


def main() -> None:
    """Write image_encoder, text_encoder and tokenizer.json into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=HERE / "out" / "refined.pt")
    parser.add_argument("--package", type=Path, default=HERE.parent / "hamsight/models/mini")
    options = parser.parse_args()
    options.package.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    image = ImageEncoder(Sight(), Head())
    text = TextEncoder(tokenizer.get_vocab_size(), CONTEXT)
    weights = torch.load(options.weights, weights_only=True)
    image.sight.load_state_dict(weights["sight"])
    image.head.load_state_dict(weights["head"])
    text.load_state_dict(weights["text"])
    pixels = torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8)
    ids = torch.randint(0, tokenizer.get_vocab_size(), (2, CONTEXT))
    convert(image, "input", pixels, options.package / "image_encoder.xml")
    convert(text, "input_ids", ids, options.package / "text_encoder.xml")
    tokenizer.save(str(options.package / "tokenizer.json"))


def convert(network: nn.Module, name: str, example: torch.Tensor, path: Path) -> None:
    """Save the network with any number of rows in its input, weights in half precision."""
    network.eval()
    shape = openvino.PartialShape([-1, *example.shape[1:]])
    model = openvino.convert_model(network, example_input=(example,), input=[shape])
    model.inputs[0].set_names({name})
    model.outputs[0].set_names({"embedding"})
    openvino.save_model(model, path, compress_to_fp16=True)


if __name__ == "__main__":
    main()
