"""Sine and exponential out of nothing but + - * / and floor: the same bits on every machine.

IEEE 754 fixes the result of these to the last bit, but leaves sine and exponential to the library,
whose last bit differs between machines, and a rounded value with it. These polynomials are good to
1e-10, which is far below what any sensor resolves.
Source: Taylor series; the fold to a quarter turn and the split 2^k e^r are common knowledge.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TWO_PI = 6.283185307179586
_LOG2_E = 1.4426950408889634
_LN_2 = 0.6931471805599453
_SINE = (  # x - x^3/3! + …, highest first, in x^2
    -7.647163731819816e-13,
    1.6059043836821613e-10,
    -2.505210838544172e-8,
    2.7557319223985893e-6,
    -1.984126984126984e-4,
    8.333333333333333e-3,
    -0.16666666666666666,
    1.0,
)
_EXP = (  # 1/n!, highest first
    2.505210838544172e-8,
    2.755731922398589e-7,
    2.7557319223985893e-6,
    2.48015873015873e-5,
    1.984126984126984e-4,
    1.388888888888889e-3,
    8.333333333333333e-3,
    4.1666666666666664e-2,
    0.16666666666666666,
    0.5,
    1.0,
    1.0,
)


def sine(turns: Floats) -> Floats:
    """Return the sine of an angle in whole turns (1 is 360 degrees); shapes (n,) -> (n,)."""
    part = turns - np.floor(turns + 0.5)
    part = np.where(part > 0.25, 0.5 - part, np.where(part < -0.25, -0.5 - part, part))
    angle = part * _TWO_PI
    return np.asarray(_polynomial(_SINE, angle * angle) * angle)


def cosine(turns: Floats) -> Floats:
    """Return the cosine of an angle in whole turns; shapes (n,) -> (n,)."""
    return sine(turns + 0.25)


def exponential(x: Floats) -> Floats:
    """Return e to the power of x, x from -700 to 700; shapes (n,) -> (n,)."""
    whole = np.floor(x * _LOG2_E + 0.5)
    return np.asarray(np.ldexp(_polynomial(_EXP, x - whole * _LN_2), whole.astype(np.int64)))


def _polynomial(factors: tuple[float, ...], x: Floats) -> Floats:
    total = np.full_like(x, factors[0])
    for factor in factors[1:]:
        total = total * x + factor
    return total
