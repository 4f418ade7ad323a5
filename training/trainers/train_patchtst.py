"""PatchTST (Nie et al. 2023, arXiv 2211.14730): a transformer over patches of the window.

As in the paper: patches of 16 bars every 8, the last bar repeated at the end for one more (section 3.1), a learnt position,
encoder layers with batch normalisation, and a flattened head. What differs: a patch holds all 8 columns of its bars (the paper
runs each column on its own, which is eight times the work for one answer about one symbol); and no instance normalisation, for
it would take out the very level of volatility that the move depends on (the columns are ratios without a drifting level).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.dataset import SEQUENCE_COLUMNS, SEQUENCE_STEPS
from training.trainers.nets import NetTrainer
from training.trainers.trainer import Params, Run

STRIDE = 8
PATCH = 2 * STRIDE
PATCHES = SEQUENCE_STEPS // STRIDE  # as a patch is two strides, and one is padded

CANDIDATES: tuple[Params, ...] = (
    {
        "width": 32,
        "heads": 4,
        "layers": 2,
        "feed_forward": 64,
        "dropout": 0.1,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "epoch_share": 0.25,
        "market_kept": 0.3,
    },
)


class BatchNormOfTokens(nn.Module):
    """[N, 12, width], normalised per feature over rows and patches, as in the paper instead of by token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        if self.training:
            normed: Tensor = norm(x.reshape(-1, norm.num_features))
            return normed.reshape(-1, PATCHES, norm.num_features)
        # Learnt, it is one product and one sum, which the export makes constants of.
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return x * scale + (norm.bias - norm.running_mean * scale)


class Attention(nn.Module):
    """Multi-head self-attention over the patches. [N, 12, width] → [N, 12, width]"""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads, self.width = heads, width
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.to_qkv(x).reshape(-1, PATCHES, 3, self.heads, self.width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # each [N, heads, 12, width / heads]
        shares = torch.softmax(query * (self.width // self.heads) ** -0.5 @ key.transpose(2, 3), dim=3)
        mixed = (shares @ value).transpose(1, 2)
        output: Tensor = self.to_output(mixed.reshape(-1, PATCHES, self.width))
        return output


class EncoderLayer(nn.Module):
    """[N, 12, width] → [N, 12, width]"""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.Sequential(Attention(width, heads), nn.Dropout(dropout))
        self.attention_norm = BatchNormOfTokens(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, feed_forward), nn.GELU(), nn.Dropout(dropout), nn.Linear(feed_forward, width), nn.Dropout(dropout)
        )
        self.feed_forward_norm = BatchNormOfTokens(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention_norm(x + self.attention(x))
        x = self.feed_forward_norm(x + self.feed_forward(x))
        return x


class PatchTst(nn.Module):
    """[N, 96, 8] → [N, 4]"""

    def __init__(self, params: Params, _horizon_bars: int) -> None:
        super().__init__()
        width, dropout = int(params["width"]), float(params["dropout"])
        self.embed = nn.Linear(SEQUENCE_COLUMNS * PATCH, width)
        self.place = nn.Parameter(torch.empty(PATCHES, width).uniform_(-0.02, 0.02))
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.Sequential(
            *(
                EncoderLayer(width, int(params["heads"]), int(params["feed_forward"]), dropout)
                for _ in range(int(params["layers"]))
            )
        )
        self.head = nn.Linear(PATCHES * width, 4)

    def patches(self, x: Tensor) -> Tensor:
        """[N, 96, 8] → [N, 12, 128]: each stride and the one that follows it; the last bar repeated at the end."""
        strides = x.reshape(-1, PATCHES, STRIDE * SEQUENCE_COLUMNS)
        beyond = torch.cat([x[:, -1:]] * STRIDE, dim=2)
        return torch.cat([strides, torch.cat([strides[:, 1:], beyond], dim=1)], dim=2)

    def tokens(self, x: Tensor) -> Tensor:
        """[N, 96, 8] → [N, 12, width]: each from the 16 bars of its patch alone."""
        embedded: Tensor = self.embed(self.patches(x))
        return embedded

    def forward(self, x: Tensor) -> Tensor:
        encoded = self.encoder(self.dropout(self.tokens(x) + self.place))
        scores: Tensor = self.head(self.dropout(encoded.reshape(-1, self.head.in_features)))
        return scores


def patchtst_trainer(run: Run) -> NetTrainer:
    return NetTrainer(run, "patchtst", CANDIDATES, PatchTst)
