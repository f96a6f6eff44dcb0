"""Numbers to agree with, computed with e3nn 0.6.0 (https://github.com/e3nn/e3nn, MIT licence).

They are facts, not code: `wigner_3j_{l1}_{l2}_{l3}`; `wigner_D_{l}` at `rotations`; `sh_{normalization}_normalized` and
`sh_{normalization}_polynomial` at `points`, degrees from 0 on.
"""

from pathlib import Path

import numpy as np

REFERENCE: dict[str, np.ndarray] = dict(np.load(Path(__file__).parents[1] / "data_files" / "e3nn_0.6.0.npz"))
