"""`python -m seqmagic` is the same as `seqmagic`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C in the tenth of a second before it can answer for itself ends in one line too."""
    try:
        from seqmagic.cli.main import main as command
    except KeyboardInterrupt:  # the line and the exit code of `cli.main`, which is not there yet
        sys.stderr.write("seqmagic: interrupted\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
