"""Frames of rare shapes that a viewer sees at once count more in the loss, and how that is taken out again."""

from __future__ import annotations

import torch

from model_runtime.contracts import VISEMES
from model_runtime.phones import PHONES, VISEME_OF

from .model import SpeechNet

WEIGHTS = {"PP": 1.5, "FF": 2.0, "TH": 1.5}
TO_VISEME = torch.zeros(len(PHONES), len(VISEMES))
for index, symbol in enumerate(PHONES):
    TO_VISEME[index, VISEMES.index(VISEME_OF[symbol])] = 1.0
VISEME_WEIGHT = torch.tensor([WEIGHTS.get(viseme, 1.0) for viseme in VISEMES])
PHONE_WEIGHT = TO_VISEME @ VISEME_WEIGHT


@torch.no_grad()
def unweight(net: SpeechNet) -> None:
    """Take the loss's weights out of the posteriors.

    What counts w times in training is said w times too often.
    """
    assert net.heads.bias is not None
    net.heads.bias[: len(PHONES)] -= PHONE_WEIGHT.log()
    net.heads.bias[len(PHONES) : len(PHONES) + len(VISEMES)] -= VISEME_WEIGHT.log()
