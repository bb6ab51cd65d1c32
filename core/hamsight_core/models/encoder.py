"""Encoders on OpenVINO: pictures and words become features of unit length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import ModelError
from hamsight_core.models.network import (
    HERE,
    Compute,
    compile_network,
    fed_with_pixels,
    kept,
    read_network,
    reason,
    set_batch,
)
from hamsight_core.models.package import CLS, ModelPackage, TextSpec
from hamsight_core.models.weights import read_matrix

if TYPE_CHECKING:
    import numpy as np
    import openvino as ov
    from numpy.typing import NDArray

DEFAULT_BATCH = 8


class ImageEncoder:
    """An image encoder for batches, several of which may be in flight at once.

    `submit` hands over a batch and returns at once while a request is free. Finished batches are
    given to `on_features(token, features)` in the order of `submit`, on the thread that calls
    `submit` or `finish`. Encoders of the same network share it; each has requests of its own.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        compute: Compute = HERE,
        batch: int = DEFAULT_BATCH,
        on_features: Callable[[Any, NDArray[np.float32]], None],
    ) -> None:
        """Compile the encoder; raises ModelError when the network or the device does not serve."""
        self._compiled, self.batch = _image_network(package, compute, batch)
        count = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._idle = [self._compiled.create_infer_request() for _ in range(count)]
        self._busy: deque[tuple[ov.InferRequest, object, int]] = deque()
        self._dimension, self._name = package.dimension, package.name
        self._on_features = on_features

    @property
    def device(self) -> str:
        """The devices that run the network."""
        return ", ".join(self._compiled.get_property("EXECUTION_DEVICES"))

    def submit(self, pixels: Sequence[NDArray[np.uint8]], token: object) -> None:
        """Encode pictures, at most `batch` of pixels uint8 (size, size, 3).

        Raises ModelError when an earlier batch failed.
        """
        import numpy as np

        if not self._idle:
            self._deliver()
        request = self._idle.pop()
        with self._failing():
            np.stack(pixels, out=request.get_input_tensor(0).data[: len(pixels)])
            request.start_async()
        self._busy.append((request, token, len(pixels)))
        while self._busy and self._busy[0][0].wait_for(0):
            self._deliver()

    def finish(self) -> None:
        """Wait until every submitted batch has been given to `on_features`.

        Raises ModelError when a batch failed.
        """
        while self._busy:
            self._deliver()

    def _deliver(self) -> None:
        """Wait for the batch that was submitted first, and hand its features over."""
        request, token, count = self._busy.popleft()
        with self._failing():
            request.wait()
            output = request.get_output_tensor(0).data
        features = unit_length(_rows(output, self.batch, self._dimension, self._name)[:count])
        self._idle.append(request)
        self._on_features(token, features)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise ModelError(
                f"the model {self._name!r} failed on {self.device}: {reason(error)};"
                " another --device may serve"
            ) from error


def _image_network(
    package: ModelPackage, compute: Compute, batch: int
) -> tuple[ov.CompiledModel, int]:
    """Return a package's image network, fed with pixels, and the batch that it takes."""

    def compiled() -> tuple[ov.CompiledModel, int]:
        spec = package.image
        first_token = spec.pool == CLS
        model = read_network(package.path(spec.file), spec.output, first_token=first_token)
        taken = set_batch(model, spec, batch)
        return compile_network(fed_with_pixels(model, spec), compute, "THROUGHPUT"), taken

    return kept(("image", package.digest, compute, batch), compiled)


def _text_network(package: ModelPackage, spec: TextSpec, compute: Compute) -> ov.CompiledModel:
    def compiled() -> ov.CompiledModel:
        model = read_network(package.path(spec.file), spec.output)
        return compile_network(model, compute, "LATENCY")

    return kept(("text", package.digest, compute), compiled)


def encode_pixels(
    package: ModelPackage, pixels: NDArray[np.uint8], compute: Compute = HERE
) -> NDArray[np.float32]:
    """Return the features (n, dimension) of pixels, uint8 (n, size, size, 3)."""
    import numpy as np

    found: list[NDArray[np.float32]] = []
    encoder = ImageEncoder(
        package,
        compute=compute,
        batch=DEFAULT_BATCH if len(pixels) >= DEFAULT_BATCH else 1,  # of two sizes, not of eight
        on_features=lambda _, features: found.append(features),
    )
    for start in range(0, len(pixels), encoder.batch):
        encoder.submit(list(pixels[start : start + encoder.batch]), start)
    encoder.finish()
    return np.concatenate(found)


def encode_texts(
    package: ModelPackage, texts: Sequence[str], compute: Compute = HERE
) -> NDArray[np.float32]:
    """Return the features (n, dimension) of texts; a text past the context is cut with a warning.

    Raises ModelError when the package has no text encoder.
    """
    import numpy as np

    from hamsight_core.models.tokens import tokenize

    spec = package.text
    if spec is None:
        raise ModelError(
            f"the model {package.name!r} has no text encoder: search with --image or --item,"
            " or ingest with a model that knows words"
        )
    tokens, mask = tokenize(package, spec, texts)
    compiled = _text_network(package, spec, compute)
    request = compiled.create_infer_request()
    feeds = _text_feeds(compiled, tokens, mask)
    outputs = [
        np.array(request.infer([feed[i : i + 1] for feed in feeds])[0]) for i in range(len(texts))
    ]
    found = np.concatenate([_pooled(out, mask[i], spec) for i, out in enumerate(outputs)])
    if spec.project is not None:
        found = found @ read_matrix(package.path(spec.project)).T
    return unit_length(_rows(found, len(texts), package.dimension, package.name))


_INPUTS = {"input_ids": "tokens", "attention_mask": "mask", "token_type_ids": "zeros"}


def _text_feeds(
    compiled: ov.CompiledModel, tokens: NDArray[np.int64], mask: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return what each input is fed: by its name, or tokens and mask in this order."""
    import numpy as np

    known = {"tokens": tokens, "mask": mask, "zeros": np.zeros_like(tokens)}
    names = [[name for name in given.get_names() if name in _INPUTS] for given in compiled.inputs]
    if all(names):
        return [known[_INPUTS[name[0]]] for name in names]
    if len(compiled.inputs) > 2:
        raise ModelError(
            f"the text encoder has {len(compiled.inputs)} inputs; expected tokens and mask, or the"
            f" names {', '.join(_INPUTS)}"
        )
    return [tokens, mask][: len(compiled.inputs)]


def _pooled(
    output: NDArray[np.float32], mask: NDArray[np.int64], spec: TextSpec
) -> NDArray[np.float32]:
    """Return the output of one text as (1, width), its tokens made one as `pool` says."""
    if spec.pool is None:
        return output.reshape(1, -1)
    tokens = output.reshape(len(mask), -1)
    return tokens[:1] if spec.pool == CLS else tokens[mask == 1].mean(axis=0, keepdims=True)


def unit_length(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features (n, dimension) divided by their lengths; a zero feature stays zero."""
    import numpy as np

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(lengths == 0, 1, lengths)).astype(np.float32)


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
