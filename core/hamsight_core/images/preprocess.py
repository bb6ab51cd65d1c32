"""From a decoded picture to the array that an image encoder reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

RESIZES = ("shortest-edge", "squash")
CROPS = ("center", "none")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
_LONG = 4
_SCALED = 4


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How pictures become the encoder's input.

    `size` is the side in pixels of the square that the encoder sees. `resize` is
    `shortest-edge` (the shorter side becomes `edge` pixels) or `squash` (both sides become
    `size`). `crop` is `center` or `none`. `mean` and `std` are applied to values of 0 to 1.
    Without `antialias` each pixel is interpolated from its four nearest alone, however much the
    image shrinks, as OpenCV's INTER_LINEAR does.
    """

    size: int
    edge: int
    resize: str = "shortest-edge"
    crop: str = "center"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    antialias: bool = True

    @property
    def least(self) -> int:
        """The shorter side in pixels that a picture may be decoded at, where the decoder scales.

        Four times what is needed: bench/jpeg_scaled.py shows that this changes fewer bits of a
        hash than the choice of bfloat16 for the network does.
        """
        return _SCALED * self.edge

    def __call__(self, image: Image) -> NDArray[np.uint8]:
        """Return the RGB image resized and cropped: uint8 (size, size, 3).

        Up to a proportion of `_LONG` the whole image is resized and then cropped, which gives the
        pixels of `transformers`. Of a longer one only the part that the crop keeps is computed:
        a few of its pixels are a few steps off, where Pillow rounds the ends of a filter.
        """
        import numpy as np
        from PIL import Image as Pillow

        side, (width, height) = self.size, image.size
        if not self.antialias:
            return np.asarray(self._sampled(image))
        if image.size == (side, side) and self.edge == side:
            return np.asarray(image)
        resample = Pillow.Resampling[self.interpolation.upper()]
        if self.resize == "squash" or max(width, height) > _LONG * min(width, height):
            return np.asarray(image.resize((side, side), resample, box=self._box(width, height)))
        whole = self._resized(width, height)
        left, top = (whole[0] - side) // 2, (whole[1] - side) // 2
        resized = image if image.size == whole else image.resize(whole, resample)
        return np.asarray(resized.crop((left, top, left + side, top + side)))

    def _sampled(self, image: Image) -> Image:
        from PIL import Image as Pillow

        box = self._box(*image.size) or (0.0, 0.0, *image.size)
        left, top, right, bottom = box
        across, down = (right - left) / self.size, (bottom - top) / self.size
        matrix = (across, 0.0, left, 0.0, down, top)
        resample = Pillow.Resampling[self.interpolation.upper()]
        side = (self.size, self.size)
        return image.transform(side, Pillow.Transform.AFFINE, matrix, resample)

    def _box(self, width: int, height: int) -> tuple[float, float, float, float] | None:
        """Return the part of a width x height image that the crop keeps, in its pixels."""
        if self.resize == "squash":
            return None
        new_width, new_height = self._resized(width, height)
        left, top = (new_width - self.size) // 2, (new_height - self.size) // 2
        across, down = width / new_width, height / new_height
        return (
            left * across,
            top * down,
            min((left + self.size) * across, width),
            min((top + self.size) * down, height),
        )

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of which the crop is taken, in pixels."""
        shorter, longer = min(width, height), max(width, height)
        long_edge = max(int(self.edge * longer / shorter), self.edge)
        return (self.edge, long_edge) if width <= height else (long_edge, self.edge)
