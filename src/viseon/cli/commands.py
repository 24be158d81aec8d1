"""Which function adds which commands: a command loads its own module and no other's."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

import typer

from viseon.cli.plumbing import Opened, add_noun
from viseon.platform import SERVICES

PORCELAIN: Mapping[str, tuple[str, ...]] = {
    "data:add_data": ("import", "commit", "log", "diff", "manifest", "pull"),
    "find:add_find": ("find",),
    "describe:add_describe": ("describe",),
    "history:add_history": ("status", "tag", "revert", "fork", "certificate"),
    "labels:add_labels": ("blame", "edits", "undo"),
    "verify:add_verify": ("verify",),
    "share:add_share": ("bundle", "unbundle", "dvc"),
    "health:add_health": ("health",),
    "deletion:add_deletion": ("delete", "restore", "gc", "erase"),
    "recipes:add_derive": ("derive",),
    "train:add_train": ("train",),
    "deploy:add_deploy": ("deploy", "export"),
    "watch:add_watch": ("run", "trace"),
}
"""In the order in which help shows them."""

APART: Mapping[str, tuple[str, ...]] = {
    "demo:add_demo": ("demo",),
    "track:add_track": ("track",),
    "serve:add_serve": ("serve",),
    "worker:add_worker": ("worker", "stream-child"),
}
"""Those that open no platform, or one of their own."""

NOUNS: Mapping[str, str] = {"models": "models:add_models", "events": "watch:add_events"}
"""Porcelain below a noun."""

EVERYTHING = ""
NONE = "--version"
"""What needs no command."""


def add_commands(cli: typer.Typer, opened: Opened, name: str = EVERYTHING) -> None:
    """Add the command or noun of that name; all of them when there is none."""
    known = {n for names in (*PORCELAIN.values(), *APART.values(), SERVICES) for n in names}
    wanted = {name} if name in {*known, NONE} else known
    for where in _having(PORCELAIN, wanted):
        _load(where)(cli, opened)
    for where in _having(APART, wanted):
        _load(where)(cli)
    for noun in SERVICES:
        if noun in wanted:
            group = add_noun(cli, noun, opened)
            if noun in NOUNS:
                _load(NOUNS[noun])(group, opened)


def _having(table: Mapping[str, tuple[str, ...]], wanted: set[str]) -> Iterator[str]:
    return (where for where, names in table.items() if wanted.intersection(names))


def _load(where: str) -> Callable[..., None]:
    module, _, name = where.partition(":")
    add: Callable[..., None] = getattr(import_module(f"viseon.cli.{module}"), name)
    return add
