"""`python -m hamsight`."""

from hamsight.cli import main

if __name__ == "__main__":
    main()
