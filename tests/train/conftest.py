"""What the tests of training share: torch on one thread.

Its threads wait by spinning, which makes each of them slow where tests run side by side.
"""

import torch

torch.set_num_threads(1)
