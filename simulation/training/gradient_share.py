"""Effective share of the training samples that carry the gradient."""

from __future__ import annotations

import numpy as np

from theory import InputError, Loss
from theory.curves.mean_field import wrong_class_probability
from theory.validation import FloatArray, IntArray, class_labels


def sample_gradient_share(loss: Loss, outputs: FloatArray, labels: IntArray) -> FloatArray:
    """N_eff / n = (sum q)^2 / (n sum q^2) of labelled samples, as ``theory.curves.mean_field.gradient_share`` has it.

    q is the probability that the network assigns to the wrong classes of a sample.

    Args:
        loss: softmax or logistic.
        outputs: (..., n, outputs) of the samples; leading axes are replicas.
        labels: (n,) classes 0 .. K - 1, with K = 2 for the one output of the logistic loss.

    Returns:
        (...) share, from 1/n to 1.

    Raises:
        InputError: squared error, which gives no probabilities; shapes or labels that do not fit.
    """
    if outputs.ndim < 2 or outputs.shape[-2] == 0:
        raise InputError(f"outputs: has shape {outputs.shape}; give (..., n, outputs) with n of at least 1")
    classes = max(2, outputs.shape[-1])
    if loss.outputs(classes) != outputs.shape[-1]:
        raise InputError(f"outputs: has {outputs.shape[-1]} per sample; give {loss.outputs(classes)} for {loss.name}")
    known = class_labels("labels", labels, outputs.shape[-2], classes)
    targets = loss.targets(np.full(classes, 1 / classes))[known]
    wrong = wrong_class_probability(loss, outputs, targets)
    return np.asarray(np.square(wrong.mean(axis=-1)) / np.square(wrong).mean(axis=-1), dtype=np.float64)
