"""All theorems and lemmas, by name; nothing is derived before it is requested."""

from __future__ import annotations

from theory.theorems.l1_power_sums import POWER_SUMS
from theory.theorems.l2_finite_samples import FINITE_SAMPLES
from theory.theorems.l3_turning_point_of_outputs import TURNING_POINT_OF_OUTPUTS
from theory.theorems.l4_random_outputs import RANDOM_OUTPUTS
from theory.theorems.l5_turning_point_of_draws import TURNING_POINT_OF_DRAWS
from theory.theorems.t1_prototype_direction import PROTOTYPE_DIRECTION
from theory.theorems.t2_end_of_phase_one import END_OF_PHASE_ONE
from theory.theorems.t3_alignment import ALIGNMENT
from theory.theorems.t4_forgetting import FORGETTING_OF_THE_LEARNT
from theory.theorems.t5_turning_point import TURNING_POINT
from theory.theorems.t6_forgetting_rate import FORGETTING_RATE
from theory.theorems.t7_phase_diagram import PHASE_DIAGRAM
from theory.theorems.t8_budgeted_decoder import BUDGETED_DECODER
from theory.theorems.t9_transfer import TRANSFER
from theory.theorems.t10_depth import DEPTH_OF_A_NETWORK
from theory.theorems.t11_relu import RECTIFIED_LAYER
from theory.theorems.theorem import Theorem
from theory.validation import one_of

THEOREMS = (
    PROTOTYPE_DIRECTION,
    END_OF_PHASE_ONE,
    ALIGNMENT,
    FORGETTING_OF_THE_LEARNT,
    TURNING_POINT,
    FORGETTING_RATE,
    PHASE_DIAGRAM,
    BUDGETED_DECODER,
    TRANSFER,
    DEPTH_OF_A_NETWORK,
    RECTIFIED_LAYER,
)
LEMMAS = (
    POWER_SUMS,
    FINITE_SAMPLES,
    TURNING_POINT_OF_OUTPUTS,
    RANDOM_OUTPUTS,
    TURNING_POINT_OF_DRAWS,
)


def theorem_named(name: str) -> Theorem:
    """The theorem or lemma of this name; InputError, listing them, otherwise."""
    known = {theorem.name: theorem for theorem in (*THEOREMS, *LEMMAS)}
    return known[one_of("theorem", name, tuple(known))]
