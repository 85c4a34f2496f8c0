"""The text types no number, and text, macros and bibliography fit together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from empirical.probes.probe_tasks import COLOUR, HELD_OUT
from empirical.studies.robustness.report import RobustnessReport
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.comparison import Effect
from empirical.studies.transfer.report import TransferReport
from paper import decoded, published
from paper.parts import EMPIRICAL, SIMULATIONS
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, Run
from simulation.experiments.robustness import Relaxed
from theory.theorems.catalogue import LEMMAS, THEOREMS

SECTIONS = sorted((SOURCE / "sections").glob("*.tex"))
TEXT = {file.stem: file.read_text(encoding="utf-8") for file in SECTIONS}
PARTS = (*SIMULATIONS, *EMPIRICAL)


@pytest.fixture(scope="module")
def generated(made: Run) -> Path:
    """The folder of all that is generated."""
    return made.out / "generated"


def typed_numbers(text: str) -> list[str]:
    """Decimals, shares and numbers with a unit that stand in a text, where they do not set lengths of the page."""
    text = re.sub(r"\\includegraphics\[[^]]*\]", "", text)
    # The 10 of CIFAR-10 and the 8 of VGG-8 are names.
    pattern = r"\d*\.\d+|(?<![\w-])\d+\s*(?:\\?,\s*)?(?:\\%|per cent|steps|seconds|minutes|images|draws|networks)"
    return re.findall(pattern, text)


@pytest.mark.parametrize("name", TEXT)
def test_no_measured_number_is_typed(name: str) -> None:
    assert typed_numbers(TEXT[name]) == []


def test_a_typed_number_would_be_seen() -> None:
    assert typed_numbers(r"off by 0.014, or .3, in 95\,\% of 16 draws") == ["0.014", ".3", r"95\,\%", "16 draws"]


def macros_of(text: str) -> set[str]:
    """Macros of this paper: they begin with a capital, which no command of LaTeX does that the text uses."""
    return set(re.findall(r"\\([A-Z][A-Za-z]+)", text)) - {"Theta", "Sigma", "Pi"}


def test_every_macro_that_is_used_is_generated_and_the_reverse(generated: Path) -> None:
    defined = set(re.findall(r"\\newcommand{\\(\w+)}", (generated / "macros.tex").read_text()))
    main = (SOURCE / "main.tex").read_text(encoding="utf-8")
    used = set().union(*map(macros_of, [main, *TEXT.values()]))
    assert used == defined


def test_every_table_and_figure_is_used_and_the_reverse(results: ResultFolders) -> None:
    made = {"macros", "statements", "theorems", "commands", "empirical"}
    for part in PARTS:
        names = (*part.tables(results), *part.figures(results))
        made |= {name.removesuffix(".tex") for name in names}
    used = set()
    tops = ((SOURCE / f"{name}.tex").read_text(encoding="utf-8") for name in ("main", "preamble"))
    for text in (*TEXT.values(), *tops):
        used |= set(re.findall(r"generated/([\w.]+?)}", text)) | set(re.findall(r"\\figurefile{([\w.]+)}", text))
    assert used - {"#1"} == made


def test_a_part_uses_its_own_macros_alone(results: ResultFolders) -> None:
    """So that a part without results can be left out, and takes no number of another with it."""
    for part in EMPIRICAL:
        assert macros_of(TEXT[part.section]) == set(part.numbers(results)), part.section


def test_every_citation_is_in_the_bibliography_and_the_reverse() -> None:
    cited = {key for text in TEXT.values() for keys in re.findall(r"\\cite{([^}]+)}", text) for key in keys.split(",")}
    listed = re.findall(r"^@\w+{(\w+),", (SOURCE / "references.bib").read_text(encoding="utf-8"), re.M)
    assert sorted(cited) == sorted(listed)


def test_every_theorem_is_printed_with_its_proof(generated: Path) -> None:
    text = (generated / "theorems.tex").read_text()
    statements = (generated / "statements.tex").read_text()
    known = (*THEOREMS, *LEMMAS)
    assert re.findall(r"\\begin{theorem}\[(\w\d+):", text) == [one.name for one in known]
    assert re.findall(r"\\item\[(\w\d+)\]", statements) == [one.name for one in known]
    assert text.count(r"\begin{proof}") == len(known)
    assert text.count(r"\item") == sum(len(one.steps) for one in known)


def test_the_source_is_ours_for_the_theorems() -> None:
    """The paper cites the measured phenomenon; no theorem is credited to it."""
    for name in ("theorems", "proofs", "model"):
        assert "schneider" not in TEXT[name]


def test_every_section_is_in_the_text() -> None:
    tops = [(SOURCE / f"{name}.tex").read_text(encoding="utf-8") for name in ("main", "supplement")]
    texts = [*tops, *TEXT.values()]
    named = {name for text in texts for name in re.findall(r"\\input{sections/(\w+)}", text)}
    assert named | {part.section for part in EMPIRICAL} == set(TEXT)


def test_what_sentences_say_of_the_results_is_so(results: ResultFolders) -> None:
    points = [
        one for one in RobustnessReport.read(results.folder("robustness")).found.points if one.descent is not None
    ]
    worst = max(points, key=lambda one: abs(one.descent.deviation))
    assert worst.axis.relaxed is Relaxed.OPTIMISER  # "The optimiser matters most"
    readings = TrackReport.read(results.folder("track-vgg8-cifar10")).readings
    assert readings["block5"].turned  # "The last layer shows all three phases"
    assert not readings["block1"].falls  # "The first layers stay near-constant"
    assert not readings["block2"].falls
    # "All but the VGG-8 on all classes were trained on a graphics card"
    trainings = {name: TrackReport.read(results.folder(name)) for name in results.names("track-*")}
    devices = {name: one.versions["device"] for name, one in trainings.items()}
    assert {name for name, device in devices.items() if device == "cpu"} == {"track-vgg8-cifar10"}


def test_what_sentences_say_of_transfer_is_so(results: ResultFolders) -> None:
    report = TransferReport.read(results.folder("transfer"))
    effects = {task: {row.effect for row in report.rows if row.task == task} for task in (COLOUR, HELD_OUT)}
    # "Both findings of the literature are here, side by side in the same networks"
    assert effects[COLOUR] == {Effect.HELPS}
    assert effects[HELD_OUT] == {Effect.HURTS, Effect.UNDECIDED}
    # "so few trainings could not show a weak relation", and there is no strong one
    (relation,) = report.relations
    assert relation.task == COLOUR
    assert relation.p_value > 0.05
    # "between the tasks the effects differ at similar alignment"
    helped, hurt = ([row.alignment for row in report.rows if row.effect is one] for one in (Effect.HELPS, Effect.HURTS))
    assert min(abs(one - other) for one in helped for other in hurt) < 0.07


def test_what_sentences_say_of_the_outputs_is_so(results: ResultFolders) -> None:
    found = {name: text.strip("$").replace("{,}", "") for name, text in decoded.numbers(results).items()}
    steps = [int(found[f"{name}LowestStep"]) for name in ("Logits", "Softmax", "Block")]
    assert max(steps[:2]) < steps[2]  # "Both turn before the block does"
    # "The ten logits keep far less", at the start, at their best and at the end
    for place in ("Start", "Lowest", "End"):
        block, *outputs = (float(found[f"{name}{place}"].split(" ")[0]) for name in ("Block", "Logits", "Softmax"))
        assert min(outputs) > block + 0.2
    assert int(found["DecodedWidth"]) == 16  # "half of the published width"
    assert [found[f"Decoded{name}Step"] for name in ("First", "Best", "Last")] == ["0", "256", "8192"]


def test_what_sentences_say_of_the_published_curve_is_so(results: ResultFolders) -> None:
    found = published.numbers(results)
    value = {name: float(text.strip("$").replace("{,}", "")) for name, text in found.items()}
    # "so here the published training is long enough"
    assert 1 < value["PublishedTrainedExcessLeast"] <= value["PublishedTrainedExcessMost"] < 1.02
    # "in the time of the lowest loss within the spacing of the checkpoints": doubling steps, every second one trained
    assert 0.5 <= value["PublishedExactLowestStep"] / value["PublishedLowestStep"] <= 2
    assert 0.25 <= value["PublishedTrainedLowestStep"] / value["PublishedLowestStep"] <= 4
    # "and in how far the loss rises"
    assert abs(value["PublishedExactRise"] - value["PublishedRise"]) < 0.05
    assert abs(value["PublishedTrainedRise"] - value["PublishedRise"]) < 0.05
