"""Tests of the command line: in process with click's runner, and in fresh interpreters."""
