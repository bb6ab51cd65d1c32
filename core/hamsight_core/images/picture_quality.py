"""Numbers that tell a bad picture from a good one, each made of one picture alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

GREY_SIDE = 384
"""Pixels of the longer side at which sharpness and brightness are measured."""
_COLOUR_SIDE = 64
LIMITS = {
    "blurry": 1.45,
    "dark": 0.5,
    "light": 0.5,
    "grayscale": 4.0,
    "low_information": 13.5,
    "odd_aspect_ratio": 0.35,
}
"""The statistic of each issue at which its score is 0.5."""
_EVERY = 5
"""Of so many gradients one is looked at for the percentile."""
_NOISE = 4.0
"""The gradient's energy, in squared levels of grey a pixel, that rounding alone may make."""


def grey_thumbnail(image: Image) -> Image:
    """Return an RGB picture in grey, its longer side `GREY_SIDE` pixels at most."""
    from PIL import Image as Pillow

    scale = min(1.0, GREY_SIDE / max(image.size))
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    return image.convert("L")


def quality_statistics(image: Image, grey: Image) -> dict[str, float]:
    """Return the statistic of each issue of an RGB picture; the worse a picture, the lower is all
    but `light`.

    `grey` is its `grey_thumbnail`. blurry: the energy of the Laplacian over that of the gradient,
    the mean squared frequency of what is there (1 / pixel^2); dark and light: the 99th and the 5th
    percentile of brightness, 0 to 1; grayscale: the mean difference of the strongest and weakest
    colour of a pixel, 0 to 255; low_information: the 95th percentile of the gradient, in levels of
    grey a pixel; odd_aspect_ratio: the shorter side over the longer.
    """
    import numpy as np
    from PIL import Image as Pillow

    counts = np.cumsum(grey.histogram())
    small = image.resize((_COLOUR_SIDE, _COLOUR_SIDE), Pillow.Resampling.BOX, reducing_gap=2.0)
    colours = np.asarray(small)
    chroma = colours.max(axis=2) - colours.min(axis=2)
    sharpness, gradient = _sharpness(np.asarray(grey, np.float32))
    return {
        "blurry": sharpness,
        "dark": _percentile(counts, 0.99) / 255,
        "light": _percentile(counts, 0.05) / 255,
        "grayscale": float(chroma.mean()),
        "low_information": gradient,
        "odd_aspect_ratio": min(image.size) / max(image.size),
    }


def quality_scores(statistics: dict[str, float]) -> dict[str, float]:
    """Return a score of 0 to 1 for each issue, 0.5 at its limit; the higher, the worse."""
    scores = {}
    for issue, value in statistics.items():
        limit = LIMITS[issue]
        worse = value if issue == "light" else limit
        scores[issue] = worse / (value + limit)
    return scores


def _percentile(counts: NDArray[np.int64], share: float) -> int:
    """Return the least level that `share` of the pixels do not exceed; `counts` are cumulated."""
    import numpy as np

    return int(np.searchsorted(counts, share * counts[-1]))


def _sharpness(levels: NDArray[np.float32]) -> tuple[float, float]:
    """Return the Laplacian's energy over the gradient's, and the gradient's 95th percentile."""
    import numpy as np

    if min(levels.shape) < 3:
        return 0.0, 0.0
    left, right = levels[1:-1, :-2], levels[1:-1, 2:]
    above, below = levels[:-2, 1:-1], levels[2:, 1:-1]
    laplacian = left + right
    laplacian += above
    laplacian += below
    laplacian -= 4 * levels[1:-1, 1:-1]
    across, down = right - left, below - above
    across *= across
    down *= down
    across += down
    strength = np.sqrt(across.ravel()[::_EVERY]) / 2
    place = int(0.95 * (strength.size - 1))
    gradient = float(np.partition(strength, place)[place])
    energy = float(np.vdot(laplacian, laplacian)) / laplacian.size
    return energy / (float(across.mean()) / 4 + _NOISE), gradient
