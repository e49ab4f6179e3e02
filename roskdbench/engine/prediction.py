"""What a network says of samples as they are, without augmentation, in float32."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.networks import Classifier

BATCH = 256


def logits_for(
    network: Classifier, images: NDArray[np.uint8], samples: NDArray[np.int64], device: torch.device
) -> NDArray[np.float32]:
    """Logits of the samples, in their order. [n, C]"""
    return _predict(network, network, images, samples, device)


def features_for(
    network: Classifier, images: NDArray[np.uint8], samples: NDArray[np.int64], device: torch.device
) -> NDArray[np.float32]:
    """Pooled features of the samples, in their order. [n, F]"""
    return _predict(network, lambda batch: network.with_features(batch)[1], images, samples, device)


def _predict(
    network: Classifier,
    ask: Callable[[torch.Tensor], torch.Tensor],
    images: NDArray[np.uint8],
    samples: NDArray[np.int64],
    device: torch.device,
) -> NDArray[np.float32]:
    network.to(device).eval()
    config = ComputeConfig().lay_out(network)
    with torch.no_grad():
        return predict_samples(ask, config, images, samples, device)


def predict_samples(
    ask: Callable[[torch.Tensor], torch.Tensor],
    config: ComputeConfig,
    images: NDArray[np.uint8],
    samples: NDArray[np.int64],
    device: torch.device,
) -> NDArray[np.float32]:
    """What `ask` says of the samples, laid out for a config, in their order. [n, …]"""
    found = []
    for start in range(0, len(samples), BATCH):
        pixels = torch.from_numpy(images[samples[start : start + BATCH]]).to(device)
        found.append(ask(config.images(pixels.float() / 255)).float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
