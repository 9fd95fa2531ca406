"""The command line's entry: `rtloc` and `python -m rtloc`."""

from rtloc.cli import main

if __name__ == "__main__":
    main()
