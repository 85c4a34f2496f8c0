"""Networks for images of 32 x 32 pixels: VGG-8 to VGG-16, ResNet-10, ResNet-18 and ResNet-20.

Each is a sequence of named parts whose outputs are the layers that a probe looks at, and ends in average pooling and
one linear layer, ``classifier``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from theory import InputError
from theory.data.memory_limit import check_memory
from theory.validation import at_least, one_of

#: Convolutions in each of the five blocks (Simonyan & Zisserman 2015; VGG-8 has one per block). The last convolution of
#: a block halves the image by a stride of two, as in the networks of Schneider & Prabhushankar (2024).
_VGG_BLOCKS = {8: (1, 1, 1, 1, 1), 11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
#: Widths of the blocks in units of the first one's.
_VGG_WIDTHS = (1, 2, 4, 8, 16)
#: Residual blocks in each stage (He et al. 2016): four stages, or the three of the networks made for CIFAR-10.
_RESNET_STAGES = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 20: (3, 3, 3)}

#: Width of the first block in the networks of Schneider & Prabhushankar (2024).
_DEFAULT_VGG_WIDTH = 32
#: Narrower than the published 64 (ResNet-10, ResNet-18), so that two cores train it.
_DEFAULT_RESNET_WIDTH = 16

# Of a parameter in training, in single precision: weight, gradient, momentum, and the state that is written.
_TRAINING_BYTES = 4 * 4

#: Networks by name.
NETWORK_NAMES = tuple([f"vgg{depth}" for depth in _VGG_BLOCKS] + [f"resnet{depth}" for depth in _RESNET_STAGES])


def network_title(name: str, base_width: int | None = None) -> str:
    """A network's name as readers know it, as VGG-8 for vgg8; a name that is not of NETWORK_NAMES is its own.

    Args:
        name: of a network.
        base_width: of its first part, which follows the name; None for the family's default, which is not named.
    """
    width = "" if base_width is None else f" of width {base_width}"
    for family, title in (("vgg", "VGG"), ("resnet", "ResNet")):
        if name in NETWORK_NAMES and name.startswith(family):
            return f"{title}-{name.removeprefix(family)}{width}"
    return f"{name}{width}"


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation and a shortcut, as the basic block of He et al. (2016).

    Where stride or width change, the shortcut is a 1 x 1 convolution with batch normalisation.
    """

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width_out, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width_out)
        self.second = nn.Conv2d(width_out, width_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out)
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, width_in, h, w) -> (n, width_out, h / stride, w / stride)."""
        inner = torch.relu(self.first_norm(self.first(inputs)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(inputs))


def vgg(depth: int, classes: int, channels: int = 3, base_width: int = _DEFAULT_VGG_WIDTH) -> nn.Sequential:
    """A VGG network: layers ``block1`` to ``block5``, then ``classifier``.

    Args:
        depth: 8, 11, 13 or 16: the convolutions, counted with the three linear layers of the original of which this
            network keeps one.
        classes: K, at least 2.
        channels: of the images.
        base_width: of the first block; doubles with each block. 32 in Schneider & Prabhushankar (2024).

    Raises:
        InputError: an unknown depth or a number out of range.
    """
    _known_depth(depth, _VGG_BLOCKS)
    classes, width_in = at_least("classes", classes, 2), at_least("channels", channels, 1)
    base = at_least("base_width", base_width, 1)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (convolutions, factor) in enumerate(zip(_VGG_BLOCKS[depth], _VGG_WIDTHS, strict=True), start=1):
        layers: list[nn.Module] = []
        width = base * factor
        for stride in (1,) * (convolutions - 1) + (2,):
            # Batch normalisation takes out the mean, so that a bias would be idle.
            convolution = nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
            width_in = width
        parts[f"block{number}"] = nn.Sequential(*layers)
    return _with_classifier(parts, width_in, classes)


def resnet(depth: int, classes: int, channels: int = 3, base_width: int = _DEFAULT_RESNET_WIDTH) -> nn.Sequential:
    """A residual network: layers ``stem``, ``stage1`` to ``stage4`` (``stage3`` at depth 20), then ``classifier``.

    Args:
        depth: 10, 18 or 20.
        classes: K, at least 2.
        channels: of the images.
        base_width: of the first stage; doubles with each stage. Published: 64 for 18, 16 for 20.

    Raises:
        InputError: an unknown depth or a number out of range.
    """
    _known_depth(depth, _RESNET_STAGES)
    classes, channels = at_least("classes", classes, 2), at_least("channels", channels, 1)
    width = at_least("base_width", base_width, 1)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["stem"] = nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    for stage, blocks in enumerate(_RESNET_STAGES[depth]):
        wider = base_width * 2**stage
        first = ResidualBlock(width, wider, stride=1 if stage == 0 else 2)
        parts[f"stage{stage + 1}"] = nn.Sequential(first, *(ResidualBlock(wider, wider, 1) for _ in range(blocks - 1)))
        width = wider
    return _with_classifier(parts, width, classes)


def _known_depth(depth: int, known: Mapping[int, object]) -> None:
    if depth not in known:
        raise InputError(f"depth: {depth} is unknown; give one of {', '.join(map(str, known))}")


def _with_classifier(parts: OrderedDict[str, nn.Module], width: int, classes: int) -> nn.Sequential:
    parts["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    parts["classifier"] = nn.Linear(width, classes)
    # Weights begin as torch draws them: before batch normalisation their scale sets the pace of training only.
    return nn.Sequential(parts)


def build_network(
    name: str, classes: int, channels: int = 3, base_width: int | None = None, seed: int = 0
) -> nn.Sequential:
    """The network called ``name`` with random weights that ``seed`` alone determines.

    Args:
        name: of NETWORK_NAMES.
        classes: K, at least 2.
        channels: of the images.
        base_width: of the first part; the family's default if left out (VGG 32, ResNet 16).
        seed: of the weights; torch's own generator is left as it was.

    Raises:
        InputError: an unknown name, a number out of range, or a width whose training does not fit in memory.
    """
    one_of("network", name, NETWORK_NAMES)
    family: Callable[..., nn.Sequential] = vgg if name.startswith("vgg") else resnet
    depth = int(name.removeprefix("vgg").removeprefix("resnet"))
    width = {} if base_width is None else {"base_width": at_least("base_width", base_width, 1)}
    with torch.random.fork_rng(devices=[]):
        if base_width is not None:
            count = _parameter_count(lambda own: family(depth, classes, channels, base_width=own), base_width)
            check_memory("base_width", _TRAINING_BYTES * count, "give a smaller one")
        torch.manual_seed(at_least("seed", seed, 0))
        return family(depth, classes, channels, **width)


def _parameter_count(build: Callable[[int], nn.Module], base_width: int) -> int:
    """Parameters of a network of any width, built at none but three small ones.

    A layer has inputs times outputs of them, and both grow in proportion to the width: the number is a polynomial of
    degree two, which Newton's differences continue in exact integers.
    """
    with torch.device("meta"):
        first, second, third = (sum(one.numel() for one in build(width).parameters()) for width in (1, 2, 3))
    steps = base_width - 1
    return first + steps * (second - first) + steps * (steps - 1) // 2 * (third - 2 * second + first)


def layer_names(network: nn.Sequential) -> tuple[str, ...]:
    """Names of the parts whose outputs are probed: all but pooling and classifier, from input to output."""
    return tuple(name for name, _ in network.named_children() if name not in ("pool", "classifier"))
