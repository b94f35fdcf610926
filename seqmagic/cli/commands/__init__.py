"""One command per file; `seqmagic.cli.main` imports a file when its command is asked for."""
