"""All parts of the paper that report results, in the order of the text."""

from __future__ import annotations

from paper import diagram, fits, predictions, published, robustness, scaling, tracking, transfer, verification

#: Always in the text: their studies are run where they are missing.
SIMULATIONS = (verification.PART, diagram.PART, scaling.PART, robustness.PART)

#: In the text where their results are there.
EMPIRICAL = (tracking.PART, published.PART, predictions.PART, fits.PART, transfer.PART)
