"""`python -m seqmagic` is the same as `seqmagic`."""

from seqmagic.cli.main import main

if __name__ == "__main__":
    main()
