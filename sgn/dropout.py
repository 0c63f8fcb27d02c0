"""Dropout, the same for graph blocks and for the Transformer. Level 0: imports torch only."""

import torch
from torch import Tensor, nn

GRAINS = 2**16


class Dropout(nn.Dropout):
    """Leave each entry out with probability `rate` in training (Srivastava et al., 2014, JMLR 15), the others larger.

    torch draws a double an entry on a CPU, which took two fifths of an epoch; 16 random bits do, and need a quarter of
    the time. There `rate` is rounded to that grain. Raises ValueError for a rate outside [0, 1).
    """

    def __init__(self, rate: float) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"dropout is a share from 0 up to, not including, 1: not {rate}")
        super().__init__(rate)
        self.left_out = min(round(rate * GRAINS), GRAINS - 1)

    def forward(self, h: Tensor) -> Tensor:
        """Any shape to the same."""
        if h.device.type != "cpu":
            return super().forward(h)
        if not self.training or not self.left_out:
            return h
        words = torch.empty((h.numel() + 3) // 4, dtype=torch.int64, device=h.device).random_(-(2**63), None)
        bits = words.view(torch.int16)[: h.numel()].view(h.shape)  # uniform in [-2^15, 2^15)
        kept = (bits >= self.left_out - GRAINS // 2) * (GRAINS / (GRAINS - self.left_out))
        return h * kept.to(h.dtype)
