"""Devices that tests run on; those that need a CUDA card are skipped, with the reason, where there is none."""

import pytest
import torch

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA card")
DEVICES = ["cpu", pytest.param("cuda", marks=NEEDS_CUDA)]
