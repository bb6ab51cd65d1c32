"""The true architectures with seeded random weights: from a file to PyTorch's own feature."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hamsight_core.images.decode import decode
from hamsight_core.models.encoder import encode_pixels, encode_texts
from hamsight_core.models.model_toml import to_toml
from hamsight_core.models.network import Compute, Precision
from hamsight_core.models.package import ModelPackage, load_package
from hamsight_core.models.registry import registry

pytestmark = pytest.mark.reference

SEED = 20
WORDS = ["a dog in the snow", "two red buses", "雪の中を走る犬", "🐶", "", "dog " * 100]


def write_package(folder: Path, name: str) -> ModelPackage:
    """Write the `model.toml` that a pull of the registry's model would write; load it."""
    package = dict(registry()[name].package)
    (folder / "model.toml").write_text(to_toml(package), encoding="utf-8")
    return load_package(str(folder))


def export(module, example, file: Path, given: str, given_axes, out: str) -> None:
    """Write a module to ONNX as the exports of the model hub are: named, with open axes."""
    import torch

    file.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        module,
        (example,),
        file,
        input_names=[given],
        output_names=[out],
        dynamic_axes={given: given_axes, out: {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def cosines(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return (found * expected).sum(1) / lengths


def compare(name: str, found: np.ndarray, expected: np.ndarray, least: float) -> None:
    """Features agree, also once the mean that random weights share is taken out."""
    close = cosines(found, expected)
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    centred = cosines(found - unit.mean(0), unit - unit.mean(0))
    sys.stdout.write(f"{name}: least cosine {close.min():.7f}, centred {centred.min():.6f}\n")
    assert close.min() > 1 - 1e-3
    assert centred.min() > least


def pixels(package: ModelPackage, photos: list[Path]) -> np.ndarray:
    return np.stack([package.image.preprocess(decode(one.read_bytes()).image) for one in photos])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """CLIP ViT-B/32: the model, and its package of ONNX files."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    shared = Path(__file__).resolve().parents[3] / "shared" / "models"
    if not shared.is_dir():
        pytest.skip(f"the tokenizer of CLIP is not here: no folder {shared}")
    torch.manual_seed(SEED)
    config = CLIPConfig()
    assert (config.vision_config.patch_size, config.vision_config.hidden_size) == (32, 768)
    model = CLIPModel(config).eval().requires_grad_(False)

    class Image(torch.nn.Module):
        def forward(self, pixel_values):
            return model.visual_projection(model.vision_model(pixel_values).pooler_output)

    class Text(torch.nn.Module):
        def forward(self, input_ids):
            return model.text_projection(model.text_model(input_ids).pooler_output)

    folder = tmp_path_factory.mktemp("clip")
    image = torch.zeros(1, 3, 224, 224)
    tokens = torch.full((1, 77), 49407)
    vision, text = folder / "onnx/vision_model.onnx", folder / "onnx/text_model.onnx"
    export(Image(), image, vision, "pixel_values", {0: "batch"}, "image_embeds")
    export(Text(), tokens, text, "input_ids", {0: "batch"}, "text_embeds")
    tokenizer = shared / "clip-vit-b-32-tokenizer"
    (folder / "tokenizer.json").write_bytes((tokenizer / "tokenizer.json").read_bytes())
    return model, write_package(folder, "clip-vit-b-32"), tokenizer


def test_clips_pictures(clip, odd_photos):
    import torch
    from PIL import Image
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    model, package, _ = clip
    some = odd_photos[:12]
    images = [Image.open(one).convert("RGB") for one in some]
    with torch.no_grad():
        fed = CLIPImageProcessorPil()(images, return_tensors="pt")["pixel_values"]
        output = model.vision_model(fed).pooler_output
        expected = model.visual_projection(output).numpy()
    for precision, least in ((Precision.F32, 0.9999), (Precision.AUTO, 0.99)):
        found = encode_pixels(package, pixels(package, some), Compute("CPU", precision))
        compare(f"CLIP ViT-B/32 pictures, {precision.value}", found, expected, least)


@pytest.mark.filterwarnings("ignore:.*tokens long")
def test_clips_words(clip):
    import torch
    from transformers import AutoTokenizer

    model, package, tokenizer = clip
    given = AutoTokenizer.from_pretrained(tokenizer)(
        WORDS, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    )
    with torch.no_grad():
        output = model.text_model(given["input_ids"]).pooler_output
        expected = model.text_projection(output).numpy()
    for precision, least in ((Precision.F32, 0.9999), (Precision.AUTO, 0.99)):
        found = encode_texts(package, WORDS, Compute("CPU", precision))
        compare(f"CLIP ViT-B/32 words, {precision.value}", found, expected, least)


def test_dinov2_small(odd_photos, tmp_path):
    import torch
    from PIL import Image
    from transformers import Dinov2Config, Dinov2Model
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

    torch.manual_seed(SEED)
    config = Dinov2Config(
        hidden_size=384, num_attention_heads=6, num_hidden_layers=12, image_size=518, patch_size=14
    )
    model = Dinov2Model(config).eval().requires_grad_(False)

    class Tokens(torch.nn.Module):
        def forward(self, pixel_values):
            return model(pixel_values).last_hidden_state

    axes = {0: "batch", 2: "height", 3: "width"}
    file = tmp_path / "onnx" / "model.onnx"
    export(Tokens(), torch.zeros(1, 3, 224, 224), file, "pixel_values", axes, "last_hidden_state")
    package = write_package(tmp_path, "dinov2-small")
    some = odd_photos[:12]
    images = [Image.open(one).convert("RGB") for one in some]
    processor = BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    with torch.no_grad():
        fed = processor(images, return_tensors="pt")["pixel_values"]
        expected = model(fed).pooler_output.numpy()
    for precision, least in ((Precision.F32, 0.9999), (Precision.AUTO, 0.99)):
        found = encode_pixels(package, pixels(package, some), Compute("CPU", precision))
        compare(f"DINOv2 small, {precision.value}", found, expected, least)
