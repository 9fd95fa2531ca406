"""The commands of `rtloc`, one module each, imported when called."""
