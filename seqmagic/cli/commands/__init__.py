"""One command per file; a file is imported when its command is asked for. For `cli.main`, by name."""
