"""Encoders on OpenVINO: pictures and words become features of unit length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import ModelError
from hamsight_core.models.network import (
    HERE,
    Compute,
    compile_network,
    fed_with_pixels,
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
    """An image encoder compiled for batches, several of which may be in flight at once.

    `submit` hands over a batch and returns at once while a request is free; each finished
    batch is given to `on_features(token, features)` on a thread of OpenVINO's.
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
        import openvino as ov

        spec = package.image
        first_token = spec.pool == CLS
        model = read_network(package.path(spec.file), spec.output, first_token=first_token)
        self.batch = set_batch(model, spec, batch)
        fed = fed_with_pixels(model, spec)
        self._compiled = compile_network(fed, compute, "THROUGHPUT")
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
                f"the model {self._name!r} failed on {self.device}: {reason(error)};"
                " another --device may serve"
            ) from error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def encode_pixels(
    package: ModelPackage, pixels: NDArray[np.uint8], compute: Compute = HERE
) -> NDArray[np.float32]:
    """Return the features (n, dimension) of pixels, uint8 (n, size, size, 3)."""
    import numpy as np

    found: dict[int, NDArray[np.float32]] = {}
    encoder = ImageEncoder(
        package,
        compute=compute,
        batch=min(len(pixels), DEFAULT_BATCH),
        on_features=found.__setitem__,
    )
    for start in range(0, len(pixels), encoder.batch):
        encoder.submit(list(pixels[start : start + encoder.batch]), start)
    encoder.finish()
    return np.concatenate([found[start] for start in sorted(found)])


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
    model = read_network(package.path(spec.file), spec.output)
    compiled = compile_network(model, compute, "LATENCY")
    feeds = _text_feeds(compiled, tokens, mask)
    outputs = [
        np.asarray(compiled([feed[i : i + 1] for feed in feeds])[0]) for i in range(len(texts))
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
