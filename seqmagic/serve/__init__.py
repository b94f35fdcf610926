"""Models behind OpenAI's completions interface, several requests advanced as one batch. For cli."""
