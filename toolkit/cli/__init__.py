"""Start `segport`, and turn errors into exit statuses."""

from __future__ import annotations

import os
import sys
import traceback

from toolkit.cli.interrupt import answer_promptly
from toolkit.errors import ExitStatus, exit_status, sentence

STOPPED = "stopped; what was finished is kept, and the same command continues"


def main() -> None:
    """Run the command line as the console script does, and exit with its status."""
    answer_promptly(f"segport: {STOPPED}", ExitStatus.INTERRUPTED)
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit status; every expected error becomes one sentence on stderr."""
    # Read only now, so that Ctrl-C is answered meanwhile as well.
    import typer
    from typer.exceptions import TyperException

    from toolkit.cli.app import build

    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        status = build(arguments[0] if arguments else "")(arguments, prog_name="segport", standalone_mode=False)
    except TyperException as error:
        said = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "segport"
        return _say(f"{said}; see `{command} --help`", ExitStatus.BAD_INPUT) if said else ExitStatus.BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.PASS
    except SystemExit as error:  # ours are returned; this one comes from the user's own code
        return _say(
            f"code of the network ended the program (sys.exit({error.code!r})); a factory must return a network "
            "or raise",
            ExitStatus.BAD_INPUT,
        )
    except Exception as error:  # noqa: BLE001 (whatever it is, a sentence and a status come of it)
        return _failed(error, debug)
    # Typer answers Ctrl-C with this status instead of raising it.
    return _stopped() if status == ExitStatus.INTERRUPTED else int(status or ExitStatus.PASS)


def _failed(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    expected = exit_status(error)
    if expected is None:
        return _say(
            f"segport itself failed: {type(error).__name__}: {error} (add --debug for the traceback and report it)",
            ExitStatus.TOOL_FAILED,
        )
    return _say(sentence(error), expected)


def _stopped() -> int:
    return _say(STOPPED, ExitStatus.INTERRUPTED)


def _say(sentence: str, status: ExitStatus) -> int:
    print(f"segport: {sentence}", file=sys.stderr)
    return status
