"""The Gaussians that a mean field takes the samples of each class to be drawn from."""

from __future__ import annotations

from empirical.data.datasets import DataSet
from empirical.fit.class_parts import cut_classes
from empirical.fit.mixture_fit import fit_mixture
from empirical.fit.mixture_model import mixture_model
from empirical.fit.mixture_summary import MixtureSummary
from theory import ClassConditionalModel, MixtureModel
from theory.progress import Progress, silent


def class_gaussians(
    source: DataSet, components: int | None, seed: int, progress: Progress = silent
) -> tuple[MixtureModel, MixtureSummary | None]:
    """One Gaussian per class with a covariance of its own, or several.

    Args:
        source: the samples.
        components: of each class, cut by k-means; None fits several by likelihood, and has that of held-out samples
            choose their number.
        seed: of the fit.
        progress: shows how many classes are fitted.

    Returns:
        The data model, and the summary of several Gaussians; None for one each.
    """
    if components == 1:
        return ClassConditionalModel.from_samples(source.inputs, source.labels, source.classes), None
    if components is None:
        fit = fit_mixture(source.inputs, source.labels, source.classes, seed=seed, progress=progress)
        return mixture_model(fit, source.inputs, source.labels), MixtureSummary.from_fit(fit)
    parts = cut_classes(source.inputs, source.labels, source.classes, components, seed, progress)
    return mixture_model(parts, source.inputs, source.labels), MixtureSummary.from_parts(parts)
