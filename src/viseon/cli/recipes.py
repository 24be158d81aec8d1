"""`viseon derive shop@3 recipe.yaml`: make a version out of another one."""

from pathlib import Path

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.refs import version_number
from viseon.cli.show import echo
from viseon.schema import NotFound
from viseon.schema.recipe import Derivation

PANEL = "Data"


def add_derive(cli: typer.Typer, opened: Opened) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def derive(
        version: str = typer.Argument(help="shop@3, or shop for the latest."),
        recipe: Path = typer.Argument(help="YAML or JSON with the stages."),
        into: str = typer.Option("", help="Dataset to fill; DATASET-RECIPE by default."),
    ) -> None:
        """Preprocess and augment a version into another dataset; only what changed is made."""
        if not recipe.is_file():
            raise NotFound(f"recipe: there is no file {recipe}", fix="check the path")
        platform = opened()
        name, number = version_number(platform, version)
        document = recipe.read_text(encoding="utf-8")
        platform.recipes.check(document=document)
        job = platform.recipes.start(name, number, document=document, into=into)
        made = Derivation.model_validate(job.wait(progress=True).result)
        typer.echo(made.model_dump_json(indent=2))
        for stage in made.stages:
            echo(
                f"{stage.kind}: {stage.samples_in} → {stage.samples_out} samples, "
                f"{stage.made} made, {stage.reused} known already"
            )
        echo(f"{made.dataset}@{made.number} is made of {made.source}")
