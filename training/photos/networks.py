"""The two encoders of the half that knows photos, over one space of 256 numbers."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from training.networks import DIMENSION, Residual, convolution


class PhotoEncoder(nn.Module):
    """u8 [N, 112, 112, 3] RGB to f32 [N, 256], unit length."""

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 192), summary: int = 640) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.sight = nn.Sequential(
            convolution(3, fine, kernel=7, stride=4),
            Residual(fine),
            convolution(fine, middle, stride=2),
            Residual(middle),
            Residual(middle),
            convolution(middle, coarse, stride=2),
            Residual(coarse),
            Residual(coarse),
            convolution(coarse, summary, kernel=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(summary, DIMENSION)

    def summary(self, pixels: Tensor) -> Tensor:
        """Return what is seen of [N, 112, 112, 3], [N, summary]."""
        return self.sight(((pixels.float() / 255 - 0.5) * 4).permute(0, 3, 1, 2))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return features of unit length."""
        return functional.normalize(self.head(self.summary(pixels)).float())
