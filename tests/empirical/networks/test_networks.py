"""Networks: shapes, sizes, seeds, bad input."""

import pytest
import torch

from empirical.networks.networks import NETWORK_NAMES, build_network, layer_names, resnet, vgg
from theory import InputError


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_every_network_maps_images_to_one_output_a_class(name):
    network = build_network(name, classes=7, channels=1, base_width=4).eval()
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(("depth", "convolutions"), [(8, 5), (11, 8), (13, 10), (16, 13)])
def test_a_vgg_has_five_to_thirteen_convolutions_and_ends_at_one_pixel(depth, convolutions):
    network = vgg(depth, classes=10, base_width=2).eval()
    assert sum(isinstance(module, torch.nn.Conv2d) for module in network.modules()) == convolutions
    features = torch.zeros(1, 3, 32, 32)
    sides = []
    for name in layer_names(network):
        features = network.get_submodule(name)(features)
        sides.append(features.shape[-1])
    assert sides == [16, 8, 4, 2, 1]


def test_vgg8_has_the_published_widths():
    network = build_network("vgg8", classes=10)
    widths = [module.out_channels for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert widths == [32, 64, 128, 256, 512]
    assert network.get_submodule("classifier").in_features == 512


@pytest.mark.parametrize(("depth", "convolutions"), [(10, 9), (18, 17), (20, 19)])
def test_a_resnet_has_the_convolutions_that_its_name_counts_besides_the_classifier(depth, convolutions):
    network = resnet(depth, classes=10, base_width=4)
    on_the_path = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(on_the_path) == convolutions


def test_resnet18_of_the_published_width_has_the_published_number_of_parameters():
    # The network for CIFAR-10 that He et al.'s basic block gives at width 64: 11,173,962 with ten classes.
    network = build_network("resnet18", classes=10, base_width=64)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_173_962


def test_the_seed_alone_determines_the_weights_and_torchs_generator_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (build_network("resnet10", 3, base_width=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(4), expected)
    for one, same in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, same)
    assert not torch.equal(first.get_submodule("classifier").weight, other.get_submodule("classifier").weight)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_network("vgg9", 10), "network: 'vgg9' is unknown"),
        (lambda: vgg(9, 10), "depth: 9 is unknown; give one of 8, 11, 13, 16"),
        (lambda: resnet(50, 10), "depth: 50 is unknown"),
        (lambda: build_network("vgg8", 1), "classes"),
        (lambda: build_network("vgg8", 10, channels=0), "channels"),
        (lambda: build_network("resnet10", 10, base_width=0), "base_width"),
        (lambda: build_network("resnet10", 10, seed=-1), "seed"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
