"""`rtloc bench`: measure how long a frame takes, where, and how many frames a machine bears."""
