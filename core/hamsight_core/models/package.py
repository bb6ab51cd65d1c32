"""Model packages: a folder with a `model.toml` that names an image and maybe a text encoder."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from hamsight_core.errors import ModelError
from hamsight_core.images.preprocess import CROPS, INTERPOLATIONS, RESIZES, Preprocess
from hamsight_core.models.registry import registry
from hamsight_core.models.toml_table import TomlTable, cut

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUILT_IN = Path(__file__).parent
DEFAULT_MODEL = "mini"
CLS, MEAN = "cls", "mean"
_LATER = {"pool": None, "pad": None, "lowercase": False, "project": None, "antialias": True}
"""Keys that earlier versions did not have: at these values they leave a digest as it was."""
_LARGEST_SIDE = 8192
_LARGEST_DIMENSION = 65536
_LONGEST_CONTEXT = 65536
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The image encoder. `layout` (NHWC, NCHW) and `dtype` (u8, f32) are of the network's input;
    `output` names the tensor that holds the feature, the first output where it is None;
    `"pool"` stands for the last global pooling where no tensor has that name. With `pool` "cls"
    the feature is the first token of an output (n, tokens, width).
    """

    file: str
    preprocess: Preprocess
    layout: str = "NCHW"
    dtype: str = "f32"
    output: str | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class TextSpec:
    """The text encoder. `context` is the greatest number of tokens; `prompt` holds `{}`.

    `pad` is the token that fills short texts up, None for the tokenizer's own. `pool` makes one
    vector of an output (1, tokens, width): "cls" the first token's, "mean" the mean of the
    text's tokens. `project` names a safetensors file with a matrix (dimension, width) to
    multiply it by.
    """

    file: str
    tokenizer: str
    context: int
    prompt: str = "{}"
    output: str | None = None
    pad: str | None = None
    lowercase: bool = False
    pool: str | None = None
    project: str | None = None


@dataclass(frozen=True)
class ModelPackage:
    """A model package on disk; `source` is what names it again: a built-in name or a path."""

    name: str
    folder: Path
    source: str
    dimension: int
    license: str
    image: ImageSpec
    text: TextSpec | None

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of what decides the features: the networks and how they are fed."""
        stamps = tuple(stamp(file) for file in self._files())
        return _digest(self.preprocessing, stamps)

    @property
    def preprocessing(self) -> str:
        """How the encoders are fed, as JSON with sorted keys."""
        image = _said(asdict(self.image))
        text = _said(asdict(self.text)) if self.text else None
        return json.dumps({"image": image, "text": text}, sort_keys=True)

    def path(self, file: str) -> Path:
        """Return where a file of the package is."""
        return self.folder / file

    def _files(self) -> list[Path]:
        text = self.text
        named = [self.image.file, *((text.file, text.tokenizer) if text else ())]
        if text and text.project:
            named.append(text.project)
        files = [self.path(file) for file in named]
        files += [file.with_suffix(".bin") for file in files if file.suffix == ".xml"]
        beside = [file.with_name(file.name + "_data") for file in files if file.suffix == ".onnx"]
        return files + [file for file in beside if file.is_file()]


def stamp(file: Path) -> tuple[Path, int, int, int]:
    """Return a file with what changes when it does: inode, size in bytes and moment in ns."""
    stat = file.stat()
    return file, stat.st_ino, stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=16)
def _digest(preprocessing: str, stamps: tuple[tuple[Path, int, int, int], ...]) -> str:
    """Return the digest of files that stay as they are while their stamps do."""
    digest = hashlib.sha256(preprocessing.encode())
    for file, *_ in stamps:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _said(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what a spec says, without keys of later versions that change nothing."""
    return {
        key: _said(value) if isinstance(value, dict) else value
        for key, value in spec.items()
        if key not in _LATER or value != _LATER[key]
    }


def load_package(source: str) -> ModelPackage:
    """Return the model package that a built-in name, a path or a name of the registry names.

    Nothing is downloaded. Raises ModelError for an unknown name, a model that is not in the
    cache, a folder without `model.toml`, and a `model.toml` with a missing, unknown or ill-typed
    key.
    """
    if not source:
        raise ModelError(
            f"the model's name is empty; built-in models: {', '.join(built_in_names())}"
        )
    built_in = BUILT_IN / source if _NAME.fullmatch(source) else None
    if built_in is not None and (built_in / "model.toml").is_file():
        return _load(built_in, source)
    folder = Path(source).expanduser().resolve()
    if folder.name == "model.toml":
        folder = folder.parent
    if (folder / "model.toml").is_file():
        return _load(folder, str(folder))
    entry = registry().get(source)
    if entry is not None:
        if entry.cached:
            return _load(entry.folder, source)
        size = f" ({entry.megabytes} MB)" if entry.megabytes else ""
        raise ModelError(
            f"the model {source!r} is not in {entry.folder.parent}: `hamsight models pull {source}`"
            f" downloads it{size}"
        )
    names = [*built_in_names(), *registry()]
    near = get_close_matches(source, names, n=1)
    known = ", ".join(built_in_names())
    hint = f"built-in models: {known}; `hamsight models` lists those that can be downloaded"
    hint = f"did you mean {near[0]!r}?" if near else hint
    if folder.is_dir():
        raise ModelError(f"{folder} is no model package: it has no model.toml ({hint})")
    raise ModelError(f"there is no model {source!r}: neither a built-in name nor a folder; {hint}")


def built_in_names() -> list[str]:
    """Return the names of the packages that ship with Hamsight."""
    return sorted(file.parent.name for file in BUILT_IN.glob("*/model.toml"))


def _load(folder: Path, source: str) -> ModelPackage:
    file = folder / "model.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a TOMLDecodeError is a ValueError
        raise ModelError(f"{file} cannot be read: {error}") from None
    except RecursionError:
        raise ModelError(f"{file} cannot be read: it is nested too deeply") from None
    package = TomlTable(content, file, "")
    name = package.take("name", str)
    if not _NAME.fullmatch(name):
        raise ModelError(f"{file}: name = {cut(name)}; expected letters, digits, '.', '_' and '-'")
    image = package.table("image")
    text = package.table("text") if "text" in content else None
    found = ModelPackage(
        name=name,
        folder=folder,
        source=source,
        dimension=package.number("dimension", 1, _LARGEST_DIMENSION),
        license=package.take("license", str, "unknown"),
        image=_image(image),
        text=_text(text) if text else None,
    )
    package.done()
    for needed in found._files():
        if not needed.is_file():
            raise ModelError(f"{file} names {needed.name}, which is not in {folder}")
    return found


def _image(table: TomlTable) -> ImageSpec:
    size = table.number("size", 1, _LARGEST_SIDE)
    edge = table.number("edge", size, _LARGEST_SIDE, size)
    preprocess = Preprocess(
        size=size,
        edge=edge,
        resize=table.choice("resize", RESIZES, "shortest-edge"),
        crop=table.choice("crop", CROPS, "center"),
        interpolation=table.choice("interpolation", INTERPOLATIONS, "bicubic"),
        mean=table.triple("mean"),
        std=table.triple("std"),
        antialias=table.take("antialias", bool, True),
    )
    if preprocess.interpolation == "lanczos" and not preprocess.antialias:
        raise ModelError(f"{table.place('interpolation')} = 'lanczos' needs antialias = true")
    spec = ImageSpec(
        file=table.file("file"),
        preprocess=preprocess,
        layout=table.choice("layout", ("NCHW", "NHWC"), "NCHW"),
        dtype=table.choice("dtype", ("f32", "u8"), "f32"),
        output=table.take("output", str, None),
        pool=table.optional_choice("pool", (CLS,)),
    )
    table.done()
    return spec


def _text(table: TomlTable) -> TextSpec:
    spec = TextSpec(
        file=table.file("file"),
        tokenizer=table.file("tokenizer"),
        context=table.number("context", 1, _LONGEST_CONTEXT),
        prompt=table.take("prompt", str, "{}"),
        output=table.take("output", str, None),
        pad=table.take("pad", str, None),
        lowercase=table.take("lowercase", bool, False),
        pool=table.optional_choice("pool", (CLS, MEAN)),
        project=table.file("project", None),
    )
    if "{}" not in spec.prompt:
        raise ModelError(f"{table.place('prompt')} = {spec.prompt!r}; expected {{}} in it")
    table.done()
    return spec
