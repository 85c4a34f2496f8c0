"""All parts of the paper that report results, in the order of the text."""

from __future__ import annotations

from paper import (
    choosing,
    decoded,
    deep,
    diagram,
    fits,
    hidden,
    last_block,
    predictions,
    published,
    robustness,
    scaling,
    simplified,
    targets,
    tracking,
    transfer,
    verification,
)

#: Parts that are always in the text: their studies run where results are missing.
SIMULATIONS = (
    verification.PART,
    targets.PART,
    hidden.PART,
    diagram.PART,
    scaling.PART,
    robustness.PART,
)

#: Parts that are in the text where their results exist.
EMPIRICAL = (
    tracking.PART,
    published.PART,
    decoded.PART,
    predictions.PART,
    fits.PART,
    deep.PART,
    last_block.PART,
    simplified.PART,
    transfer.PART,
    choosing.PART,
)
