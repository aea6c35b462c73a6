"""Make the command line's parameters from the options' own fields, and hold the few that are no options of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from rich.markup import escape

from toolkit.options import RunOptions
from toolkit.options.base import Options
from toolkit.options.flag import Flag, Panel

Given = dict[str, Any]
"""Options by field name, as typed; None for what was not given."""
Made = TypeVar("Made", bound=Options)

Config = Annotated[Path | None, typer.Option("--config", help="TOML file with any of these options.")]
RunFolder = Annotated[Path, typer.Argument(help="Output folder of `segport convert` or `segport run`.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
LATEST = RunOptions.model_fields["out"].default


def taking(
    *what: Panel | str, without: tuple[str, ...] = (), defaults: bool = False
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Let a command take options of a run, as the dict `given`. They stand where that parameter does.

    Args:
        what: options by name, or panels for all the options that they show.
        without: options of these panels that the command does not take.
        defaults: let `--help` tell the defaults. Not where a recorded run's own options stand for what is not given.
    """
    names = [name for name in _named(what) if name not in without]
    return _with_parameters("given", [_parameter(name, RunOptions, defaults) for name in names], dict)


def holding(kind: type[Made], parameter: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Let a command take every option of `kind`, and give it a checked `kind` as `parameter`. They stand where that
    does.
    """

    def made(given: Given) -> Made:
        return kind(**{name: value for name, value in given.items() if value is not None})

    flagged = [name for name, field in kind.model_fields.items() if _flag(field) is not None]
    return _with_parameters(parameter, [_parameter(name, kind, defaults=True) for name in flagged], made)


def _with_parameters(
    place: str, generated: Sequence[inspect.Parameter], made: Callable[[Given], Any]
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Show Typer the generated parameters in place of one, and hand on in it what is `made` of their values."""

    def decorated(command: Callable[..., int]) -> Callable[..., int]:
        def called(**values: Any) -> int:
            return command(**{place: made({item.name: values.pop(item.name) for item in generated})}, **values)

        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(command, eval_str=True).parameters.values():
            parameters += generated if own.name == place else [own.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__annotations__ = {item.name: item.annotation for item in parameters}
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return called

    return decorated


def _named(what: tuple[Panel | str, ...]) -> Iterator[str]:
    """Spell panels out as the names of the options that they show."""
    for item in what:
        if not isinstance(item, Panel):
            yield item
            continue
        for name, field in RunOptions.model_fields.items():
            flag = _flag(field)
            if flag is not None and flag.panel is item:
                yield name


def _flag(field: FieldInfo) -> Flag | None:
    return next((item for item in field.metadata if isinstance(item, Flag)), None)


def _parameter(name: str, of: type[Options], defaults: bool) -> inspect.Parameter:
    """Make one parameter as Typer reads it. None stands for not given: the default is the field's own."""
    field = of.model_fields[name]
    flag = _flag(field)
    if flag is None or not field.description:
        raise TypeError(f"{of.__name__}.{name} needs a Flag in its type and an explanation below it")
    kind = _kind(field.annotation)
    long = flag.name or f"--{name.replace('_', '-')}"
    switch = kind is bool and not flag.switch
    first = f"{long}/--no-{long.removeprefix('--')}" if switch else long
    option = typer.Option(
        *filter(None, (first, flag.alias, flag.short)),
        help=_help(field, defaults and not flag.switch),
        rich_help_panel=flag.panel,
        metavar=flag.metavar or ("<path>" if kind is Path else None),
    )
    # A path stays text until its field has read it: a path made of "" is the current folder.
    typed: Any = Annotated[(str if kind is Path else kind) | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=typed)


def _kind(annotation: Any) -> Any:
    """Return what is typed for a field: a truth value, a number, a path, or for all else text."""
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) is Annotated or (len(parts) == 1 and NoneType in get_args(annotation)):
        return _kind(parts[0])
    return annotation if annotation in (bool, int, float, Path) else str


def _help(field: FieldInfo, with_default: bool) -> str:
    """Return the first paragraph of an explanation. Brackets in it are text, not Rich's markup."""
    text = " ".join((field.description or "").split("\n\n")[0].split())
    default = _in_words(field.default) if with_default else ""
    return escape(f"{text} [default: {default}]" if default else text)


def _in_words(default: object) -> str:
    """Write a default as it would be typed; empty where there is none to show."""
    if default is None or default is PydanticUndefined or isinstance(default, bool):
        return ""
    if isinstance(default, tuple):
        numbers = all(isinstance(item, int) for item in default)
        return ("x" if numbers else ",").join(str(item) for item in default)
    return f"{default:g}" if isinstance(default, float) else str(default)
