"""The command line: the only room that imports click, rich or prompt_toolkit. For `python -m seqmagic`."""
