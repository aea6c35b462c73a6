"""One file a command: COMMAND is the function Typer reads, EXAMPLES what `--help` shows below the options."""
