"""With NUMBA_DISABLE_JIT=1 kernels run as plain Python, where NumPy's scalars warn of what compiled
code does without a word: differences of infinities, sums beyond float64."""

import numpy as np
from numba import config

if config.DISABLE_JIT:
    np.seterr(all="ignore")
