"""Encoders on OpenVINO: pictures and words become features of unit length."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight.errors import ModelError
from hamsight.model import ImageSpec, ModelPackage, TextSpec

if TYPE_CHECKING:
    import numpy as np
    import openvino as ov
    from numpy.typing import NDArray

DEFAULT_DEVICE = "AUTO"
DEFAULT_BATCH = 8
POOL = "pool"
_POOLINGS = ("ReduceMean", "AvgPool", "AdaptiveAvgPool")


class ImageEncoder:
    """An image encoder compiled for batches, several of which may be in flight at once.

    `submit` hands over a batch and returns at once while a request is free; each finished
    batch is given to `on_features(token, features)` on a thread of OpenVINO's.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        device: str = DEFAULT_DEVICE,
        batch: int = DEFAULT_BATCH,
        on_features: Callable[[Any, NDArray[np.float32]], None],
    ) -> None:
        """Compile the encoder; raises ModelError when the network or the device does not serve."""
        import openvino as ov

        spec = package.image
        model = _read(package.path(spec.file), spec.output)
        self.batch = _set_batch(model, spec, batch)
        self._compiled = _compile(_fed_with_pixels(model, spec), device, "THROUGHPUT")
        self._requests = ov.AsyncInferQueue(self._compiled)
        self._requests.set_callback(self._finish)
        self._dimension, self._name = package.dimension, package.name
        self._on_features = on_features
        self._failure: Exception | None = None

    @property
    def device(self) -> str:
        """The devices that run the network."""
        return ", ".join(self._compiled.get_property("EXECUTION_DEVICES"))

    def submit(self, pixels: Sequence[NDArray[np.uint8]], token: object) -> None:
        """Encode pictures, at most `batch` of pixels uint8 (size, size, 3).

        Raises ModelError when an earlier batch failed.
        """
        import numpy as np

        self._raise_failure()
        with self._failing():
            request = self._requests[self._requests.get_idle_request_id()]
            np.stack(pixels, out=request.get_input_tensor(0).data[: len(pixels)])
            self._requests.start_async(userdata=(token, len(pixels)))  # takes the same request

    def finish(self) -> None:
        """Wait until every submitted batch has been given to `on_features`.

        Raises ModelError when a batch failed.
        """
        with self._failing():
            self._requests.wait_all()
        self._raise_failure()

    def _finish(self, request: ov.InferRequest, job: tuple[object, int]) -> None:
        token, count = job
        try:
            output = request.get_output_tensor(0).data
            features = unit_length(_rows(output, self.batch, self._dimension, self._name)[:count])
            self._on_features(token, features)
        except Exception as error:
            self._failure = error

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise ModelError(
                f"the model {self._name!r} failed on {self.device}: {_reason(error)};"
                " another --device may serve"
            ) from error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def encode_pixels(
    package: ModelPackage, pixels: NDArray[np.uint8], device: str = DEFAULT_DEVICE
) -> NDArray[np.float32]:
    """Return the features (n, dimension) of pixels, uint8 (n, size, size, 3)."""
    import numpy as np

    found: dict[int, NDArray[np.float32]] = {}
    encoder = ImageEncoder(
        package, device=device, batch=min(len(pixels), DEFAULT_BATCH), on_features=found.__setitem__
    )
    for start in range(0, len(pixels), encoder.batch):
        encoder.submit(list(pixels[start : start + encoder.batch]), start)
    encoder.finish()
    return np.concatenate([found[start] for start in sorted(found)])


def encode_texts(
    package: ModelPackage, texts: Sequence[str], device: str = DEFAULT_DEVICE
) -> NDArray[np.float32]:
    """Return the features (n, dimension) of texts; a text past the context is cut with a warning.

    Raises ModelError when the package has no text encoder.
    """
    import numpy as np

    spec = package.text
    if spec is None:
        raise ModelError(
            f"the model {package.name!r} has no text encoder: search with --image or --item,"
            " or ingest with a model that knows words"
        )
    tokens, mask = _tokenize(package, spec, texts)
    model = _read(package.path(spec.file), spec.output)
    compiled = _compile(model, device, "LATENCY")
    if len(compiled.inputs) > 2:
        raise ModelError(f"{package.path(spec.file)} has {len(compiled.inputs)} inputs; expected 2")
    feeds = [tokens, mask][: len(compiled.inputs)]
    outputs = [compiled([feed[i : i + 1] for feed in feeds])[0] for i in range(len(texts))]
    stacked = np.concatenate([np.asarray(output).reshape(1, -1) for output in outputs])
    return unit_length(_rows(stacked, len(texts), package.dimension, package.name))


def unit_length(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features (n, dimension) divided by their lengths; a zero feature stays zero."""
    import numpy as np

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def _tokenize(
    package: ModelPackage, spec: TextSpec, texts: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(package.path(spec.tokenizer)))
    padding = tokenizer.padding or {}
    tokenizer.no_padding()
    tokenizer.no_truncation()
    prompted = [spec.prompt.replace("{}", text) for text in texts]
    for text, encoding in zip(texts, tokenizer.encode_batch(prompted), strict=True):
        if len(encoding.ids) > spec.context:
            warnings.warn(
                f"{text[:40]!r}… is {len(encoding.ids)} tokens long:"
                f" the model {package.name!r} reads the first {spec.context}",
                stacklevel=3,
            )
    tokenizer.enable_truncation(spec.context)
    tokenizer.enable_padding(
        length=spec.context,
        pad_id=padding.get("pad_id", 0),
        pad_token=padding.get("pad_token", "[PAD]"),
    )
    encodings = tokenizer.encode_batch(prompted)
    tokens = np.array([encoding.ids for encoding in encodings], np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
    return tokens, mask


def _read(file: Path, output: str | None) -> ov.Model:
    import openvino as ov

    try:
        model = ov.Core().read_model(file)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {file}: {_reason(error)}") from None
    if output is None:
        return model
    tensor = _named(model, output) or (_pooled(model) if output == POOL else None)
    if tensor is None:
        raise ModelError(f"{file} has no tensor {output!r}, which model.toml names as the output")
    return ov.Model([tensor], model.get_parameters(), model.get_friendly_name())


def _named(model: ov.Model, name: str) -> ov.Output | None:
    for operation in model.get_ordered_ops():
        for tensor in operation.outputs():
            if operation.get_friendly_name() == name or name in tensor.get_names():
                return tensor
    return None


def _pooled(model: ov.Model) -> ov.Output | None:
    """Return the last global pooling over the height and width of a picture's channels."""
    for operation in reversed(model.get_ordered_ops()):
        if operation.get_type_name() in _POOLINGS:
            source, tensor = operation.input_value(0), operation.output(0)
            rank = source.get_partial_shape().rank
            pixels = tensor.get_partial_shape()[2:]
            if rank.is_static and rank.get_length() == 4 and all(edge == 1 for edge in pixels):
                return tensor
    return None


def _set_batch(model: ov.Model, spec: ImageSpec, batch: int) -> int:
    """Give the network batches of `batch` where it can take them, else of 1; return which."""
    import openvino as ov

    side = spec.preprocess.size
    rest = [side, side, 3] if spec.layout == "NHWC" else [3, side, side]
    if len(model.inputs) != 1:
        raise ModelError(f"{spec.file} has {len(model.inputs)} inputs; expected 1")
    declared = model.input(0).partial_shape
    if not declared.compatible(ov.PartialShape([-1, *rest])):
        raise ModelError(
            f"{spec.file} takes an input of the shape {declared}, but by size and layout in"
            f" model.toml it would be {[-1, *rest]}"
        )
    for count in dict.fromkeys((batch, 1)):
        try:
            model.reshape(ov.PartialShape([count, *rest]))
        except RuntimeError as error:
            reason = _reason(error)
            continue
        if model.output(0).partial_shape[0] == count:
            return count
        reason = f"its output has the shape {model.output(0).partial_shape}"
    raise ModelError(f"{spec.file} takes no input of the shape {[1, *rest]}: {reason}")


def _fed_with_pixels(model: ov.Model, spec: ImageSpec) -> ov.Model:
    """Return the model with an input of pixels, uint8 (n, size, size, 3)."""
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout(spec.layout))
    if spec.dtype == "f32":
        preprocess = spec.preprocess
        mean, std = preprocess.mean or (0.0, 0.0, 0.0), preprocess.std or (1.0, 1.0, 1.0)
        chain = steps.input().preprocess().convert_element_type(ov.Type.f32)
        chain.mean([255 * value for value in mean]).scale([255 * value for value in std])
    return steps.build()


def _compile(model: ov.Model, device: str, hint: str) -> ov.CompiledModel:
    import openvino as ov

    core = ov.Core()
    try:
        return core.compile_model(model, device, {"PERFORMANCE_HINT": hint})
    except RuntimeError as error:
        raise ModelError(
            f"the device {device!r} cannot run the model: {_reason(error)};"
            f" devices here: AUTO, {', '.join(core.available_devices)}"
        ) from None


def _rows(output: Any, count: int, dimension: int, name: str) -> NDArray[np.float32]:
    import numpy as np

    rows: NDArray[np.float32] = np.array(output, np.float32).reshape(count, -1)
    if rows.shape[1] != dimension:
        raise ModelError(
            f"the model {name!r} gives features of {rows.shape[1]} numbers,"
            f" but its model.toml says dimension = {dimension}"
        )
    if not np.isfinite(rows).all():
        raise ModelError(
            f"the model {name!r} gives features that are not finite numbers;"
            " another --device may serve, or its weights are damaged"
        )
    return rows


def _reason(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
