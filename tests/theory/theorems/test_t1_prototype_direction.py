from __future__ import annotations

import numpy as np

from theory import DataModel, Softmax
from theory.curves.mean_field import gaussian_nodes, output_statistics


def test_training_does_not_add_prototypes_where_outputs_are_large() -> None:
    """T1 without A8: the negative gradient of softmax is along M at small outputs, far from it at large ones."""
    generator = np.random.default_rng(0)
    eigenvalues = np.arange(1, 21) ** -1.0
    prototypes = generator.standard_normal((4, 20)) * np.sqrt(eigenvalues)
    model = DataModel(eigenvalues, prototypes - prototypes.mean(axis=0), np.full(4, 0.25))
    model = model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))
    start = generator.standard_normal((20, 4, 20))
    cosines = {}
    for scale in (1e-3, 10.0):
        drive, hessian = output_statistics(model, Softmax(), scale * start, gaussian_nodes(4, 512))
        gradient = drive @ model.means - scale * hessian @ (start * eigenvalues)
        lengths = np.linalg.norm(gradient, axis=(1, 2)) * np.linalg.norm(model.prototypes)
        cosines[scale] = np.sum(gradient * model.prototypes, axis=(1, 2)) / lengths
        size = scale * np.sqrt(np.mean(start**2 @ eigenvalues))
        print(f"rms output {size:.1e}: cosine of gradient and M {cosines[scale].mean():.4f}")
    assert np.all(cosines[1e-3] > 0.9999)
    assert cosines[10.0].mean() < 0.7
