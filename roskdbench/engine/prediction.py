"""What a network says of samples as they are, without augmentation, in float32."""

import numpy as np
import torch
from numpy.typing import NDArray

from roskdbench.engine.device import Form
from roskdbench.engine.networks import Classifier

BATCH = 256


def logits_for(
    network: Classifier, images: NDArray[np.uint8], samples: NDArray[np.int64], device: torch.device
) -> NDArray[np.float32]:
    """Logits of the samples, in their order. [n, C]"""
    network.to(device).eval()
    form = Form().lay_out(network)
    found = []
    with torch.no_grad():
        for start in range(0, len(samples), BATCH):
            pixels = torch.from_numpy(images[samples[start : start + BATCH]]).to(device)
            found.append(network(form.images(pixels.float() / 255)).float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
