"""`viseon deploy`: answer requests with a model; `viseon export`: make a variant and measure it."""

import json

import typer
from pydantic import ValidationError

from viseon.cli.plumbing import Opened
from viseon.cli.settings_given import given_settings
from viseon.cli.show import echo, table
from viseon.schema import Exported, Invalid, NotFound, Serving

PANEL = "Serve"


def add_deploy(cli: typer.Typer, opened: Opened) -> None:
    """Add the commands."""

    @cli.command(rich_help_panel=PANEL)
    def deploy(
        models: list[str] = typer.Argument(help="vehicles@7; several are an ensemble."),
        name: str = typer.Option("", help="Name to answer under; the first model's by default."),
        set_: list[str] = typer.Option(
            [], "--set", help="max_batch=8, max_wait_ms=2, timeout_ms=2000, options.threads=2 …"
        ),
    ) -> None:
        """Answer requests with a model, or swap the models of a deployment without a failed one."""
        platform = opened()
        given = given_settings(set_)
        name = name or models[0].partition("@")[0]
        try:
            before = platform.deployments.get(name)
        except NotFound:
            made = platform.deployments.create(
                name=name, models=tuple(models), serving=_serving(Serving(), given)
            )
        else:
            made = platform.deployments.swap(
                name, models=tuple(models), serving=_serving(before.serving, given)
            )
        typer.echo(made.model_dump_json(indent=2))
        echo(f"{name} answers with {', '.join(made.models)}: POST /v1/deployments/{name}/predict")

    @cli.command(rich_help_panel=PANEL)
    def export(
        model: str = typer.Argument(help="vehicles@7; vehicles is the latest."),
        exporter: str = typer.Option(help="int8, fp16, openvino …; see `viseon models exporters`."),
        data: str = typer.Option(help="Version to calibrate with and measure on: shop@3."),
        set_: list[str] = typer.Option([], "--set", help="An option of the exporter."),
    ) -> None:
        """Make a smaller or faster variant; measure whether it may take the original's place."""
        job = opened().models.export(
            model, exporter=exporter, data=data, options=given_settings(set_)
        )
        told = Exported.model_validate(job.wait(progress=True).result)
        rows = [("variant", "MB", "ms", "mAP50", "mAP50-95")]
        rows += [
            (
                row.variant,
                f"{row.size / 1e6:.2f}",
                f"{row.ms:.2f}",
                f"{row.map50:.3f}",
                f"{row.map50_95:.3f}",
            )
            for row in told.table
        ]
        table(rows, empty="")
        verdict = "may be deployed" if told.deployable else "may NOT be deployed"
        echo(f"{told.model or told.exporter} {verdict}: {told.reason}")
        typer.echo(told.model or told.artefact)
        if not told.deployable:
            raise typer.Exit(1)


def _serving(before: Serving, given: dict[str, object]) -> Serving:
    """What it was, with what was said on top."""
    merged = json.loads(before.model_dump_json()) | given
    try:
        return Serving.model_validate(merged)
    except ValidationError as error:
        known = ", ".join(Serving.model_fields)
        raise Invalid.because(error.errors()[0], where="--set ", fix=f"known: {known}") from error
