"""One command group per noun, one command per operation. Results on stdout, words on stderr."""

import inspect
from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import TypeAdapter, ValidationError

from viseon.operation import Operation, operations
from viseon.platform import SERVICES, Platform
from viseon.schema import Invalid, Job

Opened = Callable[[], Platform]
"""Opens the platform when a command needs it, so that `--help` stays quick."""


def add_noun(cli: typer.Typer, noun: str, opened: Opened) -> typer.Typer:
    """Add the operations of a noun; the group, for porcelain to add to."""
    kind = SERVICES[noun]
    group = typer.Typer(no_args_is_help=True, help=inspect.getdoc(kind))
    for op in operations(kind):
        name = op.name.replace("_", "-")
        group.command(name, help=op.help)(_command(noun, op, opened))
    cli.add_typer(group, name=noun, rich_help_panel="Every operation, by noun")
    return group


def _command(noun: str, op: Operation, opened: Opened) -> Callable[..., None]:
    shown: TypeAdapter[Any] = op.answer
    parameters = op.signature.parameters

    def command(**given: Any) -> None:
        wait = given.pop("wait", False)
        read = {k: _read(k, v, parameters[k].annotation) for k, v in given.items()}
        answer = getattr(getattr(opened(), noun), op.name)(**read)
        if wait and isinstance(answer, Job):
            answer = answer.wait(progress=True)
        typer.echo(shown.dump_json(answer, indent=2))

    options = [_parameter(p) for p in parameters.values()]
    if op.takes is not None:
        waiting = Annotated[bool, typer.Option(help="Wait for the job and show its progress.")]
        options.append(
            inspect.Parameter(
                "wait", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=waiting
            )
        )
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    return command


def _parameter(p: inspect.Parameter) -> inspect.Parameter:
    """Path parameters become arguments, the rest options; structured ones are read as JSON."""
    kind = _plain_type(p.annotation)
    info: Any = typer.Argument() if p.kind is not p.KEYWORD_ONLY else typer.Option()
    if kind is str and not _is_text(p.annotation):
        info.metavar = "JSON"
    annotation = kind
    default = p.default
    if default is None:
        annotation = kind | None
    elif default is not p.empty and kind is str and not isinstance(default, str):
        default = TypeAdapter(p.annotation).dump_json(default).decode()
    return p.replace(kind=p.KEYWORD_ONLY, annotation=Annotated[annotation, info], default=default)


def _bare(annotation: Any) -> Any:
    """Without Annotated and without `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [a for a in get_args(annotation) if a is not type(None)]
        return _bare(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _plain_type(annotation: Any) -> Any:
    bare = _bare(annotation)
    if bare in (str, int, float, bool) or (
        isinstance(bare, type) and issubclass(bare, str) and get_origin(bare) is None
    ):
        return bare
    if bare == tuple[str, ...]:
        return list[str]
    return str


def _is_text(annotation: Any) -> bool:
    bare = _bare(annotation)
    if get_origin(bare) is Literal:
        return True
    return isinstance(bare, type) and get_origin(bare) is None and not hasattr(bare, "model_fields")


def _read(name: str, value: Any, annotation: Any) -> Any:
    if not isinstance(value, str) or _is_text(annotation):
        return tuple(value) if isinstance(value, list) else value
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    try:
        return adapter.validate_json(value)
    except ValidationError as error:
        detail = error.errors()[0]["msg"]
        raise Invalid(f"--{name.replace('_', '-')}: {detail}", fix="pass it as JSON") from error
