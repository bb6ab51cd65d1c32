"""Writing the `model.toml` of a network that a user has, from what the files beside it say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import ModelError
from hamsight_core.models.model_toml import to_toml
from hamsight_core.models.network import POOL, read_network, reason
from hamsight_core.models.package import load_package
from hamsight_core.whole_files import whole_file

if TYPE_CHECKING:
    import openvino as ov

_SUFFIXES = (".xml", ".onnx", ".tflite")
_IMAGE_OUTPUTS = ("image_embeds", "pooler_output", "embeddings", "embedding", "features", "feature")
_TEXT_OUTPUTS = ("text_embeds", "pooler_output", "sentence_embedding", "embeddings", "embedding")
_CLASSES = (1000, 1001)
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Described:
    """A `model.toml` that was written, and what a person should look at in it."""

    file: Path
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Draft:
    """What is known so far of a package; `notes` say what was read where and what is assumed."""

    folder: Path
    notes: list[str] = field(default_factory=list)

    def read(self, what: str) -> None:
        self.notes.append(f"read: {what}")

    def assume(self, what: str) -> None:
        self.notes.append(f"ASSUMED: {what}")

    def config(self, name: str) -> dict[str, Any]:
        """Return a JSON file of the model hub's kind beside the network, {} where there is none."""
        file = self.folder / name
        if not file.is_file():
            return {}
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{file} cannot be read: {error}") from None
        return content if isinstance(content, dict) else {}


def describe(path: Path, *, name: str | None = None, replace: bool = False) -> Described:
    """Write the `model.toml` of a network's file, or of a folder with one or two networks.

    Raises ModelError where there is a `model.toml` already, unless `replace`, where the networks
    cannot be told apart or read, and where one takes no pictures.
    """
    path = path.expanduser().resolve()
    folder = path if path.is_dir() else path.parent
    target = folder / "model.toml"
    if target.exists() and not replace:
        raise ModelError(f"{target} is there already: use it, edit it, or say --replace")
    draft = _Draft(folder)
    image, text = _networks(path)
    package: dict[str, Any] = {"name": name or _name(path), "dimension": 0, "license": "unknown"}
    package["dimension"], package["image"] = _image(draft, image)
    if text is not None:
        dimension, package["text"] = _text(draft, text)
        if dimension != package["dimension"]:
            raise ModelError(
                f"{image} gives {package['dimension']} numbers and {text} gives {dimension}: they"
                " do not belong together, or another output is meant; write model.toml by hand"
            )
    draft.assume('license = "unknown": put in what the model\'s page says')
    _write_checked(target, package)
    return Described(target, tuple(draft.notes))


def _write_checked(target: Path, package: dict[str, Any]) -> None:
    """Write a `model.toml` that can be loaded; else raise ModelError, the folder as it was."""
    former = target.read_bytes() if target.exists() else None
    try:
        with whole_file(target) as partial:
            partial.write_text(to_toml(package), encoding="utf-8")
        load_package(str(target.parent))
    except (ModelError, ValueError) as error:  # text that is not UTF-8, which JSON can hold
        if former is None:
            target.unlink(missing_ok=True)
        else:
            target.write_bytes(former)
        raise ModelError(
            f"the files in {target.parent} say what no model.toml can: {error}; write it by hand"
        ) from None


def _networks(path: Path) -> tuple[Path, Path | None]:
    """Return the files of the image encoder and of the text encoder, which may be missing."""
    if path.is_file():
        if path.suffix not in _SUFFIXES:
            raise ModelError(f"{path} is no network: expected {', '.join(_SUFFIXES)}")
        return path, None
    if not path.is_dir():
        raise ModelError(f"{path} is not there: name a folder or an .xml, .onnx or .tflite file")
    found = [one for place in (path, path / "onnx") for one in sorted(place.glob("*"))]
    found = [one for one in found if one.suffix in _SUFFIXES]
    texts = [one for one in found if "text" in one.stem.lower()]
    images = [one for one in found if one not in texts]
    if len(images) != 1 or len(texts) > 1:
        names = ", ".join(str(one.relative_to(path)) for one in found) or "none"
        raise ModelError(
            f"{path} should hold one network for pictures and at most one whose name has 'text';"
            f" found: {names}. Name the file of the pictures' network, or write model.toml by hand"
        )
    return images[0], texts[0] if texts else None


def _name(path: Path) -> str:
    words = path.stem if path.is_file() else path.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", words).strip("-._")[:64] or "model"


def _image(draft: _Draft, file: Path) -> tuple[int, dict[str, Any]]:
    model = read_network(file, None)
    shape = model.input(0).partial_shape
    if len(model.inputs) != 1 or shape.rank.is_dynamic or shape.rank.get_length() != 4:
        shapes = ", ".join(str(one.partial_shape) for one in model.inputs)
        raise ModelError(f"{file} takes no pictures alone: its inputs have the shapes {shapes}")
    sides = [one.get_length() if one.is_static else None for one in shape]
    layout = "NHWC" if sides[3] == 3 and sides[1] != 3 else "NCHW"
    kind = str(model.input(0).element_type.get_type_name())
    spec: dict[str, Any] = {"file": file.relative_to(draft.folder).as_posix()}
    spec |= {"layout": layout, "dtype": "u8" if kind == "u8" else "f32"}
    draft.read(f"{file.name} takes {shape} of {kind}, so layout = {layout}")
    config = draft.config("preprocessor_config.json")
    edge = sides[1] if layout == "NHWC" else sides[2]
    try:
        spec |= _preprocess(draft, config, edge, spec["dtype"])
        if type(spec["size"]) is not int or not 0 < spec["size"] <= _LONGEST:
            raise ValueError(f"a size of {str(spec['size'])[:40]}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{draft.folder / 'preprocessor_config.json'} cannot be understood: {error!r}; write"
            " model.toml by hand"
        ) from None
    rest = [spec["size"]] * 2
    try:
        model.reshape([1, *rest, 3] if layout == "NHWC" else [1, 3, *rest])
    except RuntimeError as error:
        raise ModelError(
            f"{file} takes no pictures of {spec['size']} pixels: {reason(error)}"
        ) from None
    dimension, output = _output(draft, file, model, _IMAGE_OUTPUTS, "cls")
    return dimension, spec | output


def _preprocess(
    draft: _Draft, config: dict[str, Any], edge: int | None, dtype: str
) -> dict[str, Any]:
    size = config.get("size", {})
    size = size if isinstance(size, dict) else {"shortest_edge": size}
    crop = config.get("crop_size") if config.get("do_center_crop") else None
    side = (crop["height"] if isinstance(crop, dict) else crop) or size.get("height")
    given = edge or side or size.get("shortest_edge")
    if given is None:
        draft.assume("size = 224 pixels: the network takes any, and no file says")
    spec: dict[str, Any] = {"size": given or 224}
    if config:
        draft.read("preprocessor_config.json says how pictures are fed")
        if "shortest_edge" in size and size["shortest_edge"] != spec["size"]:
            spec["edge"] = max(size["shortest_edge"], spec["size"])
        squash = "height" in size
        spec |= {"resize": "squash", "crop": "none"} if squash else {"resize": "shortest-edge"}
        spec["interpolation"] = _RESAMPLE.get(config.get("resample", 3), "bicubic")
        mean_std = (config.get("image_mean"), config.get("image_std"))
        normal = config.get("do_normalize", True) and all(mean_std)
    else:
        spec |= {"resize": "shortest-edge", "crop": "center", "interpolation": "bilinear"}
        draft.assume("the shorter side becomes size pixels, bilinear, and the centre is cropped")
        mean_std, normal = _IMAGENET, dtype == "f32"
        if normal:
            draft.assume("mean and std are ImageNet's; CLIP and SigLIP have others")
    if normal and dtype == "f32":
        spec |= {"mean": mean_std[0], "std": mean_std[1]}
    return spec


def _output(
    draft: _Draft, file: Path, model: ov.Model, known: tuple[str, ...], pool: str
) -> tuple[int, dict[str, Any]]:
    """Return the dimension of the likeliest output, and the keys that name it."""
    outputs = {name: one for one in model.outputs for name in one.get_names()}
    listed = ", ".join(f"{name} {one.partial_shape}" for name, one in outputs.items()) or "one"
    vectors = [one for one in model.outputs if _width(one, 2)]
    tokens = [one for one in model.outputs if _width(one, 3)]
    named = next((outputs[name] for name in known if name in outputs), None)
    chosen = named if named is not None and _width(named, 2) else next(iter(vectors), None)
    spec: dict[str, Any] = {}
    if chosen is None and tokens:
        chosen, spec["pool"] = tokens[0], pool
        which = "first token" if pool == "cls" else "mean of the tokens"
        draft.assume(f"the feature is the {which} of the output (pool = {pool})")
    if chosen is None:
        raise ModelError(
            f"{file} has no output of one vector for each picture or text, but {listed}:"
            " write model.toml by hand and name a tensor as output"
        )
    width = _width(chosen, 2) or _width(chosen, 3)
    if width in _CLASSES and pool == "cls" and "pool" not in spec:
        pooled = read_network(file, POOL).output(0).partial_shape
        draft.assume(f"{width} numbers are classes: output = pool, before them, gives {pooled[1]}")
        return int(pooled[1].get_length()), {"output": POOL}
    names = sorted(chosen.get_names())
    if names:
        spec["output"] = next((name for name in known if name in names), names[0])
    draft.read(f"outputs of {file.name}: {listed}; took {spec.get('output', 'the first')}")
    return width, spec


def _width(output: ov.Output, rank: int) -> int:
    """Return the last side of an output of that rank, where it is known; else 0."""
    shape = output.partial_shape
    if shape.rank.is_dynamic or shape.rank.get_length() != rank or shape[rank - 1].is_dynamic:
        return 0
    return int(shape[rank - 1].get_length())


def _text(draft: _Draft, file: Path) -> tuple[int, dict[str, Any]]:
    if not (draft.folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{file.name} needs a tokenizer.json beside it, of the library `tokenizers`; without"
            " words, name the file of the pictures' network alone"
        )
    model = read_network(file, None)
    shape = model.input(0).partial_shape
    config = draft.config("tokenizer_config.json")
    longest = config.get("model_max_length")
    context = shape[1].get_length() if len(shape) == 2 and shape[1].is_static else None
    if context is None and isinstance(longest, int) and longest <= _LONGEST:
        context = longest
    if context is None:
        context = 77
        draft.assume("context = 77 tokens: neither network nor tokenizer_config.json says")
    spec: dict[str, Any] = {"file": file.relative_to(draft.folder).as_posix()}
    spec |= {"tokenizer": "tokenizer.json", "context": context}
    pad = config.get("pad_token")
    pad = pad.get("content") if isinstance(pad, dict) else pad
    if pad:
        spec["pad"] = pad
    try:
        model.reshape({one: [1, context] for one in model.inputs})
    except RuntimeError as error:
        raise ModelError(f"{file} takes no {context} tokens: {reason(error)}") from None
    dimension, output = _output(draft, file, model, _TEXT_OUTPUTS, "mean")
    return dimension, spec | output
