"""Random images in which a few directions hold as much of the variance as in photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIZE = 32


def photographs(count: int, seed: int = 0) -> NDArray[np.float32]:
    """(count, 3, 32, 32) of variance one, of which the leading directions hold as much as those of CIFAR-10.

    Amplitudes fall as the power -1.6 of the frequency, and two colours have a correlation of .94. The best 256
    directions of 1,500 images leave 2.6 % of the variance, as on CIFAR-10.
    """
    draw = np.random.default_rng(seed)
    along = np.fft.fftfreq(_SIZE)
    frequency = np.maximum(np.hypot(along[:, None], along), 1 / _SIZE)
    grey, colours = draw.standard_normal((count, 1, _SIZE, _SIZE)), draw.standard_normal((count, 3, _SIZE, _SIZE))
    images = np.fft.ifft2(np.fft.fft2(4 * grey + colours) / frequency**1.6).real
    return np.asarray(images / images.std(), dtype=np.float32)
