"""The two encoders of `mini`, over one space of 256 numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DIMENSION = 256


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution, normalised over the batch and clipped at 0."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return x plus the result, clipped at 0."""
        return functional.relu(x + self.second(self.first(x)))


class Sight(nn.Module):
    """What the image encoder sees: u8 [N, 96, 96, 3] to maps [N, 96, 12, 12], [N, 128, 6, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            convolution(3, 48, kernel=6, stride=4),
            Residual(48),
            convolution(48, 96, stride=2),
            Residual(96),
            Residual(96),
        )
        self.coarse = nn.Sequential(convolution(96, 128, stride=2), Residual(128))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return both maps."""
        scaled = (pixels.float() / 255 - 0.6) * 4
        fine = self.fine(scaled.permute(0, 3, 1, 2))
        return fine, self.coarse(fine)


class Summary(nn.Module):
    """The two maps as one vector: the coarse one flattened, the fine one averaged.

    Flattening keeps places; the mean tells how much there is of what.
    """

    def __init__(self, channels: int, amounts: int) -> None:
        super().__init__()
        self.places = nn.Sequential(convolution(128, channels, kernel=1), nn.Flatten())
        self.amounts = nn.Sequential(
            convolution(96, amounts, kernel=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.width = channels * 6 * 6 + amounts
        self.norm = nn.BatchNorm1d(self.width)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return [N, width]."""
        return self.norm(torch.cat([self.places(coarse), self.amounts(fine)], 1))


class Head(nn.Module):
    """From the maps to the centred feature, not of unit length: near N(0, 1) in each dimension."""

    def __init__(self, channels: int = 32, amounts: int = 256, hidden: int = 288) -> None:
        super().__init__()
        self.summary = Summary(channels, amounts)
        self.layers = nn.Sequential(
            nn.Linear(self.summary.width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, DIMENSION, bias=False),
        )
        self.centre = nn.BatchNorm1d(DIMENSION, affine=False)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return f32 [N, 256]."""
        return self.centre(self.layers(self.summary(fine, coarse)).float())


class ImageEncoder(nn.Module):
    """u8 [N, 96, 96, 3] RGB to f32 [N, 256], unit length."""

    def __init__(self, sight: Sight, head: Head) -> None:
        super().__init__()
        self.sight, self.head = sight, head

    def forward(self, pixels: Tensor) -> Tensor:
        """Return features of unit length."""
        return functional.normalize(self.head(*self.sight(pixels)))


class Layer(nn.Module):
    """A transformer layer that normalises first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return x [N, T, width] after attention to tokens whose mask [N, 1, 1, T] is 0."""
        count, length, width = x.shape
        split = self.inward(self.norms[0](x)).view(count, length, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5 + mask
        mixed = (scores.float().softmax(-1).to(value.dtype) @ value).transpose(1, 2)
        x = x + self.outward(mixed.reshape(count, length, width))
        return x + self.feed(self.norms[1](x))


class TextEncoder(nn.Module):
    """i64 [N, context] token ids, 0 for padding, to f32 [N, 256]."""

    def __init__(self, vocabulary: int, context: int, width: int = 128, layers: int = 3) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(context, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, heads=4) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(
            nn.Linear(width, 256), nn.GELU(), nn.Linear(256, DIMENSION, bias=False)
        )
        self.centre = nn.BatchNorm1d(DIMENSION, affine=False)

    def trunk(self, ids: Tensor) -> Tensor:
        """Return what is centred next, [N, 256]."""
        present = (ids != 0).float()
        mask = (1 - present)[:, None, None, :] * -1e4
        x = self.words(ids) + self.places[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x).float() * present[:, :, None]
        return self.head(x.sum(1) / present.sum(1, keepdim=True).sqrt()).float()

    def project(self, trunk: Tensor) -> Tensor:
        """Return the centred feature, not of unit length: near N(0, 1) in each dimension."""
        return self.centre(trunk)

    def in_parts(self, ids: Tensor, parts: int) -> Tensor:
        """Return `project` of texts, read in parts of like length to spare the padding."""
        lengths = (ids != 0).sum(1)
        order = lengths.argsort()
        trunks = [self.trunk(ids[part, : int(lengths[part].max())]) for part in order.chunk(parts)]
        return self.project(torch.cat(trunks)[order.argsort()])

    def forward(self, ids: Tensor) -> Tensor:
        """Return features of unit length."""
        return functional.normalize(self.project(self.trunk(ids)))
