"""Make pictures, train, measure, export; imported only by the commands that train."""

import os

# torch's threads should spin only shortly while they wait for each other: longer, and they take the
# cores from the processes that make pictures; not at all, and waking them up costs as much
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
