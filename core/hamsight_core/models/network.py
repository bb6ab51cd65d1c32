"""Networks on OpenVINO: read, given one output and a batch, compiled for a device."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hamsight_core.errors import ModelError
from hamsight_core.forks import check_threads, in_child, keep_for_ever, threads_run
from hamsight_core.models.cache import compiled_folder
from hamsight_core.models.package import ImageSpec

if TYPE_CHECKING:
    import openvino as ov

DEFAULT_DEVICE = "AUTO"
POOL = "pool"
_POOLINGS = ("ReduceMean", "AvgPool", "AdaptiveAvgPool")
_Kept = TypeVar("_Kept")
_MOST_KEPT = 4
_COMPILED_BYTES = 4 << 30
_PATIENCE = 120.0


class Precision(str, Enum):
    """What a network computes in; `AUTO` is what the device is fastest in.

    `INT8` keeps weights in 8 bits with a scale for each output channel, and computes in the
    device's own precision.
    """

    AUTO = "auto"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how a network runs: OpenVINO's name of a device, and a precision."""

    device: str = DEFAULT_DEVICE
    precision: Precision = Precision.AUTO


HERE = Compute()
"""The device that OpenVINO chooses, in the precision that it is fastest in."""


_networks: OrderedDict[Hashable, Any] = OrderedDict()
_one_at_a_time = threading.Lock()


def kept(key: Hashable, compiled: Callable[[], _Kept]) -> _Kept:
    """Return what `compiled` made for this key, in this process; it is called where it is needed.

    The networks that were used last are kept: those of a model that is queried with pictures and
    words and fills a catalog.
    """
    check_threads()
    with _one_at_a_time:
        if key not in _networks:
            threads_run()
            _networks[key] = compiled()
            while len(_networks) > _MOST_KEPT:
                _networks.popitem(last=False)
        _networks.move_to_end(key)
        found: _Kept = _networks[key]
        return found


def _leave_to_parent() -> None:
    global _one_at_a_time
    _one_at_a_time = threading.Lock()  # another thread of the parent may have held it
    keep_for_ever(_networks.copy())
    _networks.clear()


in_child(_leave_to_parent)


def read_network(file: Path, output: str | None, *, first_token: bool = False) -> ov.Model:
    """Return the network of a file with one output: `output`, or its first where that is None.

    With `first_token`, of an output (n, tokens, width) the first token's (n, width) is taken.
    Raises ModelError when the file cannot be read or has no such tensor.
    """
    import openvino as ov
    from openvino import opset13 as ops

    try:
        model = ov.Core().read_model(file)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {file}: {reason(error)}") from None
    if output is None and not first_token:
        return model
    tensor = model.output(0) if output is None else _named(model, output)
    if tensor is None and output == POOL:
        tensor = _pooled(model)
    if tensor is None:
        raise ModelError(f"{file} has no tensor {output!r}, which model.toml names as the output")
    if first_token:
        rank = tensor.get_partial_shape().rank
        if rank.is_static and rank.get_length() != 3:
            shape = tensor.get_partial_shape()
            raise ModelError(
                f"the output of {file} has the shape {shape}; for pool = 'cls' in model.toml it"
                " would be [pictures, tokens, numbers]"
            )
        tensor = ops.gather(tensor, 0, 1).output(0)
    return ov.Model([tensor], model.get_parameters(), model.get_friendly_name())


def _named(model: ov.Model, name: str) -> ov.Output | None:
    for operation in model.get_ordered_ops():
        if operation.get_type_name() == "Result":
            continue
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


def set_batch(model: ov.Model, spec: ImageSpec, batch: int) -> int:
    """Give the network batches of `batch` where it can take them, else of 1; return which.

    Raises ModelError when the network takes no pictures of the size and layout of `spec`.
    """
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
            why = reason(error)
            continue
        if model.output(0).partial_shape[0] == count:
            return count
        why = f"its output has the shape {model.output(0).partial_shape}"
    raise ModelError(f"{spec.file} takes no input of the shape {[1, *rest]}: {why}")


def fed_with_pixels(model: ov.Model, spec: ImageSpec) -> ov.Model:
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


def compile_network(model: ov.Model, compute: Compute, hint: str) -> ov.CompiledModel:
    """Compile for a device; what was compiled before is taken from the user's cache.

    `hint` is OpenVINO's PERFORMANCE_HINT. Raises ModelError for a device that is not there or
    does not compute in that precision.
    """
    import openvino as ov

    core, device, precision = ov.Core(), compute.device, compute.precision
    config: dict[str, Any] = {"PERFORMANCE_HINT": hint}
    if precision is Precision.INT8:
        from hamsight_core.models.weights import compress_weights

        compress_weights(model)
    elif precision is not Precision.AUTO:
        _check_precision(core, device, precision)
        config["INFERENCE_PRECISION_HINT"] = precision.value
    with _cache(precision) as cache:
        if cache:
            # A cache that fails, on a full disk say, costs only the time to compile again.
            with suppress(RuntimeError):
                compiled = core.compile_model(model, device, {**config, **cache})
                _forget_oldest()
                return compiled
    try:
        return core.compile_model(model, device, config)
    except RuntimeError as error:
        raise ModelError(
            f"the device {device!r} cannot run the model: {reason(error)};"
            f" devices here: AUTO, {', '.join(core.available_devices)}"
        ) from None


def _check_precision(core: ov.Core, device: str, precision: Precision) -> None:
    """Refuse 16 bits that the device would silently replace by others."""
    name = "CPU" if device == "AUTO" and core.available_devices == ["CPU"] else device
    if precision is Precision.F32 or name not in core.available_devices:
        return
    able = [str(one) for one in core.get_property(name, "OPTIMIZATION_CAPABILITIES")]
    word = {Precision.F16: "FP16", Precision.BF16: "BF16"}[precision]
    if word not in able:
        known = {"FP32": "f32", "FP16": "f16", "BF16": "bf16"}
        has = ", ".join(known[one] for one in able if one in known)
        raise ModelError(
            f"the device {name} does not compute in {precision.value}; --precision here: auto,"
            f" {has}, int8"
        )


@contextmanager
def _cache(precision: Precision) -> Iterator[dict[str, str]]:
    """Yield OpenVINO's settings for the cache, none where its folder cannot be used.

    OpenVINO maps the files into memory and guards them against threads alone: a process that
    reads what another is writing dies of SIGBUS. So one process at a time compiles. Each precision
    has a folder of its own: OpenVINO 2026.4 may take a network that was compiled in another.
    """
    from filelock import FileLock

    folder = compiled_folder()
    lock = FileLock(folder / ".lock", timeout=_PATIENCE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, NotImplementedError):  # Timeout is an OSError
        yield {}
        return
    try:
        own = folder if precision is Precision.AUTO else folder / precision.value
        yield {"CACHE_DIR": str(own)}
    finally:
        lock.release()


def _forget_oldest() -> None:
    """Delete the compiled networks that were made first, beyond 4 GiB in all."""
    with suppress(OSError):  # another process may delete the same
        files = [(file.stat(), file) for file in compiled_folder().rglob("*.blob")]
        files.sort(key=lambda one: one[0].st_mtime, reverse=True)
        held = 0
        for stat, file in files:
            held += stat.st_size
            if held > _COMPILED_BYTES:
                file.unlink()


def reason(error: RuntimeError) -> str:
    """Return what an error of OpenVINO says in the end, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
