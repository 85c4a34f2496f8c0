"""Recalibrated batch normalisation: the statistics are those of the data, and nothing else changes."""

import numpy as np
import pytest
import torch
from torch import nn

from empirical.data.images import ImageSplit, Normalisation
from empirical.networks.batch_norm import CALIBRATION_SIZE, recalibrated, recalibrated_on
from empirical.networks.networks import build_network
from theory import InputError


def inputs(count=64, seed=0):
    return 3 + 2 * torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_evaluation_on_the_calibration_batch_is_what_training_computes_on_it():
    network = build_network("resnet10", 4, base_width=4)
    batch = inputs()
    expected = network.train()(batch)
    # Evaluation divides by the unbiased variance of 64 x 4 x 4 or more entries: a relative 1/1024 a layer at most.
    torch.testing.assert_close(recalibrated(network, [batch])(batch), expected, rtol=0.02, atol=0.02)


def test_without_it_an_untrained_network_is_evaluated_on_no_statistics_at_all():
    network = build_network("resnet10", 4, base_width=4)
    batch = inputs()
    expected = network.train()(batch).detach()
    untouched = build_network("resnet10", 4, base_width=4).eval()(batch).detach()
    assert (untouched - expected).abs().max() > 0.2


def test_statistics_are_the_mean_over_batches():
    layer = nn.BatchNorm1d(3)
    batches = [torch.randn(50, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    own = recalibrated(nn.Sequential(layer), batches)[0]
    torch.testing.assert_close(own.running_mean, torch.stack([batch.mean(0) for batch in batches]).mean(0))
    torch.testing.assert_close(own.running_var, torch.stack([batch.var(0) for batch in batches]).mean(0))
    assert own.momentum == 0.1


def test_the_network_itself_is_left_as_it_was():
    network = build_network("vgg8", 4, base_width=2).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert not recalibrated(network, [inputs()]).training
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_dropout_stays_off_while_statistics_are_taken():
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3))
    batch = inputs()
    torch.testing.assert_close(recalibrated(network, [batch])[1].running_mean, batch.mean(dim=(0, 2, 3)))


def test_bad_batches_are_named():
    network = build_network("vgg8", 4, base_width=2)
    with pytest.raises(InputError, match="batches: none was given"):
        recalibrated(network, [])
    broken = inputs()
    broken[0, 0, 0, 0] = float("nan")
    with pytest.raises(InputError, match=r"layer block1\.1 hold NaN"):
        recalibrated(network, [broken])


def test_images_that_are_sorted_by_class_calibrate_with_all_classes():
    """As a folder gives them: the first 5,120 of these are of one class, and bright."""
    labels = np.repeat([0, 1], 12 * CALIBRATION_SIZE)
    images = np.where(labels == 0, 200, 40).astype(np.uint8)[:, None, None, None]
    split = ImageSplit(images, labels)
    network = nn.Sequential(nn.BatchNorm2d(1))
    with recalibrated_on(network, split, Normalisation.from_images(split), torch.device("cpu")):
        # In each batch half of the images are +1 and half -1, to rounding.
        assert float(network[0].running_mean) == pytest.approx(0, abs=1e-5)
        assert float(network[0].running_var) == pytest.approx(1, rel=2 / CALIBRATION_SIZE)
