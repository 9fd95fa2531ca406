"""Make training pictures, train the grid network, measure it, export it (needs the `train` extra)."""
