"""Signs that can be read off an expression, and sums over many modes in one form.

An inequality is proved by a witness: an expression that equals the difference of the two sides and is built from
positive parts by operations that preserve the sign (sums, products, powers, sums and integrals over a
range). That it equals the difference is an identity, which SymPy decides; that it is positive follows from its form,
and is decided here.
"""

from __future__ import annotations

import sympy as sp


def is_visibly_positive(expression: sp.Expr) -> bool:
    """Whether the form of an expression, with the assumptions on its symbols, shows that it is above 0.

    False means that the form does not show it, not that it is false. Numbers are decided by their value.
    """
    if expression.is_positive:
        return True
    match expression:
        case sp.Mul():
            return all(is_visibly_positive(factor) for factor in expression.args)
        case sp.Add():
            terms = expression.args
            return all(map(is_visibly_nonnegative, terms)) and any(map(is_visibly_positive, terms))
        case sp.Pow():
            return bool(expression.exp.is_real) and is_visibly_positive(expression.base)
        case sp.Sum() | sp.Integral():
            return _adds_up(expression)
    return False


def is_visibly_nonnegative(expression: sp.Expr) -> bool:
    """Whether the form of an expression shows that it is at least 0."""
    if expression.is_nonnegative or is_visibly_positive(expression):
        return True
    match expression:
        case sp.Mul():
            return all(is_visibly_nonnegative(factor) for factor in expression.args)
        case sp.Add():
            return all(is_visibly_nonnegative(term) for term in expression.args)
    return False


def _adds_up(expression: sp.Sum | sp.Integral) -> bool:
    """Whether a sum or an integral is of something positive, over a range that is not empty."""
    summand = expression.function
    # The outermost variable comes last; an inner range may end at an outer one.
    for place, (variable, *ends) in reversed(list(enumerate(expression.limits))):
        if len(ends) != 2:
            return False
        low, high = ends
        if isinstance(expression, sp.Sum):
            # The variable's own assumption, a positive integer, must be true from the lower end on.
            if not (
                variable.is_integer
                and variable.is_positive
                and low.is_positive
                and is_visibly_nonnegative(sp.factor(high - low))
            ):
                return False
        else:
            if not (low.is_nonnegative and is_visibly_positive(sp.factor(high - low))):
                return False
            # Every point strictly between the ends, by a variable that may be any positive number.
            inside = low + (high - low) / (1 + sp.Dummy("z", positive=True))
            rest = expression.func(summand, *expression.limits[:place]) if place else summand
            return is_visibly_positive(rest.subs(variable, inside))
    return is_visibly_positive(summand)


#: The common name that ``separated`` gives to every index.
_INDEX = sp.Symbol("_i", positive=True, integer=True)


def separated(expression: sp.Expr) -> sp.Expr:
    """``expression`` expanded, each sum over several indices as products of sums over one.

    sum_ij (a_i + b_j) c_i becomes sum_i a_i c_i sum_i 1 + sum_i c_i sum_i b_i, so that equal sums look equal.
    """
    split = expression.replace(lambda part: isinstance(part, sp.Sum), _split)
    return sp.expand(split)


def _split(total: sp.Sum) -> sp.Expr:
    terms = sp.Add.make_args(sp.expand(total.function))
    return sp.Add(*[_factored(term, total.limits) for term in terms])


def _factored(term: sp.Expr, limits: tuple[sp.Tuple, ...]) -> sp.Expr:
    """The sum of one product over all limits, as a product of sums where the factors share no index."""
    indices = [limit[0] for limit in limits]
    own: dict[sp.Symbol, list[sp.Expr]] = {index: [] for index in indices}
    outside: list[sp.Expr] = []
    for factor in sp.Mul.make_args(term):
        shared = [index for index in indices if factor.has(index)]
        if len(shared) > 1:
            return sp.Sum(term, *limits)
        (own[shared[0]] if shared else outside).append(factor)
    sums = [_one_sum(sp.Mul(*own[index]), sp.Tuple(index, *ends)) for index, *ends in limits]
    return sp.Mul(*outside, *sums)


def _one_sum(summand: sp.Expr, limit: sp.Tuple) -> sp.Expr:
    """A sum over one index, by one name for it: sums of equal summands and ends are then equal."""
    index, low, high = limit
    return sp.Sum(summand.xreplace({index: _INDEX}), (_INDEX, low, high))
