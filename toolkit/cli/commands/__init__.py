"""One file a command: COMMAND is the function that Typer reads, EXAMPLES is shown by `--help` below the options.

A command imports the work that it starts when it starts it: `--help` needs nothing of it and answers at once.
"""
