"""A verification in lines: a block per source and initial scale, a row per claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from empirical.studies.assumption_costs import reason_table
from empirical.studies.verify.finding import Finding
from simulation import Claim, ClaimKind
from simulation.comparison.statistics import EqualityTest
from simulation.runs.text_table import TERMINAL_WIDTH, text_table, wrapped
from theory import Verdict

_HEADER = ("claim", "derived", "measured", "difference", "within", "verdict")

#: Names in the table, which has no room for longer ones.
_TITLES = {
    ClaimKind.MEAN_FIELD: "mean field",
    ClaimKind.LINEARISED: "linearised",
    ClaimKind.REGIME: "regime",
    ClaimKind.END_OF_PHASE_ONE: "half of the fall",
    ClaimKind.TURNING_POINT: "turning point",
    ClaimKind.RETURN: "return",
}
_VERDICTS = {verdict: verdict.value for verdict in Verdict} | {Verdict.NO_PHASES: "no phases"}

_LEGEND = (
    "Curves: L / tr Sigma at the step of the largest difference. Boundaries: in steps; "
    "their difference is a share of the derived step. +-: standard error over draws of W(0)."
)


def finding_lines(finding: Finding) -> list[str]:
    """The claims on one source at one initial scale; what does not exist, and why claims fail, beneath."""
    claims = finding.comparison.claims
    extent = float(np.ptp(finding.comparison.derived.mean))
    lines = [
        f"{finding.source.value}, sigma0 = {finding.init_scale:g}: the derived loss spans {extent:.3f} of tr Sigma",
        *text_table(_HEADER, [_cells(claim) for claim in claims if claim.kind is not ClaimKind.REGIME]),
    ]
    for claim in claims:
        if claim.kind is ClaimKind.REGIME:
            lines += _regime_lines(claim)
        elif claim.kind.is_boundary:
            sides = ((claim.derived, claim.derived_value), (claim.measured, claim.measured_value))
            named = zip(("derived", "measured"), sides, strict=True)
            for side in (f"{side} {text}" for side, (text, value) in named if np.isnan(value)):
                lines += wrapped(f"{_TITLES[claim.kind]}: {side}")
    if finding.reasons:
        step = finding.reasons[0].step
        lines += wrapped(
            f"why it fails: what dropping each assumption adds to L / tr Sigma at step {step:.0f}; A8, A4 and the rest "
            "add up to trained less linearised"
        )
        lines += reason_table(finding.reasons)
    return lines


def summary_lines(claims: Sequence[Claim], equality: EqualityTest | None) -> list[str]:
    """The number of claims of each verdict, of boundaries that differ at all, and the meaning of the columns."""
    counts = Counter(claim.verdict for claim in claims)
    summary = (
        f"{len(claims)} claims: {counts[Verdict.HOLDS]} hold, {counts[Verdict.NOT_RESOLVED]} not resolved, "
        f"{counts[Verdict.FAILS]} fail"
    )
    if counts[Verdict.NO_PHASES]:
        summary += f"; {counts[Verdict.NO_PHASES]} on curves with no phases to speak of, which are not evidence"
    lines = wrapped(summary)
    if equality is not None:
        lines += wrapped(
            f"{equality.rejected.sum()} of {equality.rejected.size} boundaries differ from the derived ones beyond "
            f"chance (Holm's test, {equality.level:.0%} for the table)"
        )
    return lines + wrapped(_LEGEND)


def _cells(claim: Claim) -> tuple[str, ...]:
    title = _TITLES[claim.kind]
    if claim.kind.is_curve:
        title = title if claim.worst_step is None else f"{title} at {claim.worst_step}"
        values = [f"{value:.4f}" for value in (claim.derived_value, claim.measured_value)]
        difference, error = f"{claim.deviation:.4f}", f"{claim.standard_error:.1g}"
        within = f"{claim.tolerance:g}"
    else:
        values = [
            "none" if np.isnan(value) else f"{value:.4g}" for value in (claim.derived_value, claim.measured_value)
        ]
        difference, error = f"{claim.deviation:.1%}", f"{claim.standard_error:.1%}"
        within = f"{claim.tolerance:.0%}"
    if np.isnan(claim.deviation):
        difference = "-"
    elif np.isinf(claim.standard_error):
        difference += " +- ?"
    elif claim.standard_error > 0:
        difference += f" +- {error}"
    return (title, *values, difference, within, _VERDICTS[claim.verdict])


def _regime_lines(claim: Claim) -> list[str]:
    """On one line where it fits."""
    derived, measured = f"regime: {claim.derived},", f"measured {claim.measured}: {_VERDICTS[claim.verdict]}"
    line = f"{derived} {measured}"
    return [line] if len(line) <= TERMINAL_WIDTH else [derived, f"  {measured}"]
