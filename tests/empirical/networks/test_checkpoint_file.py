"""Weights from files of any origin: what is read, and what is refused."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.networks import build_network
from theory import InputError


class Planted:
    """What a hostile pickle does on loading."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code in a pickle was run')",))


def network(seed=0, **changes):
    return build_network("vgg8", **({"classes": 3, "base_width": 2} | changes), seed=seed)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_are_read_back_to_the_bit(tmp_path, suffix):
    state = network(seed=1).state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(state, path)
    else:
        save_file(state, path)
    read = with_weights_from(network(seed=2), path)
    assert not read.training
    for name, tensor in read.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def broken(kind, path):
    state = network().state_dict()
    match kind:
        case "code":
            path.write_bytes(pickle.dumps(Planted()))
        case "code in torch's own format":
            torch.save({"weight": Planted()}, path)
        case "truncated":
            torch.save(state, path)
            path.write_bytes(path.read_bytes()[:2000])
        case "text":
            path.write_text("hello")
        case "empty":
            path.write_bytes(b"")
        case "a list":
            torch.save([torch.zeros(2)], path)
        case "another architecture":
            torch.save(build_network("resnet10", 3, base_width=2).state_dict(), path)
        case "other classes":
            torch.save(network(classes=4).state_dict(), path)
        case "NaN":
            state["classifier.weight"] = torch.full_like(state["classifier.weight"], float("nan"))
            torch.save(state, path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("code", "does not hold plain tensors"),
        ("code in torch's own format", "does not hold plain tensors"),
        ("truncated", "does not hold plain tensors"),
        ("text", "does not hold plain tensors"),
        ("empty", "does not hold plain tensors"),
        ("a list", "no dictionary of tensors"),
        ("another architecture", "differ in"),
        ("other classes", r"classifier\.\w+ in .* has shape \(4,"),
        ("NaN", r"classifier\.weight in .* holds NaN"),
        ("nothing", "is not a file"),
    ],
)
def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path, kind, message):
    path = tmp_path / "weights.pt"
    broken(kind, path)
    with pytest.raises(InputError, match=message) as caught:
        with_weights_from(network(), path)
    assert "\n" not in str(caught.value)


def test_a_damaged_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="does not hold plain tensors"):
        with_weights_from(network(), path)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."]
)
def test_prefixes_of_compiled_and_distributed_networks_are_left_out(tmp_path, prefix):
    state = network(seed=1).state_dict()
    torch.save({f"{prefix}{name}": tensor for name, tensor in state.items()}, tmp_path / "weights.pt")
    read = with_weights_from(network(seed=2), tmp_path / "weights.pt").state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in state.items())


def test_a_part_that_is_called_module_keeps_its_name_and_names_that_clash_are_refused(tmp_path):
    inside = torch.nn.Sequential()
    inside.add_module("module", torch.nn.Linear(2, 2))
    inside.add_module("other", torch.nn.Linear(2, 2))
    state = {name: torch.ones_like(tensor) for name, tensor in inside.state_dict().items()}
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "weights.pt")
    assert (with_weights_from(inside, tmp_path / "weights.pt").module.weight == 1).all()
    torch.save(state | {"_orig_mod.other.bias": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"differ in _orig_mod\.other\.bias"):
        with_weights_from(inside, tmp_path / "weights.pt")
