"""`viseon train`: learn from a version and register the model."""

import typer

from viseon.cli.plumbing import Opened
from viseon.cli.settings_given import given_settings
from viseon.cli.show import echo, table
from viseon.schema import Invalid, Job, Run

PANEL = "Data"


def add_train(cli: typer.Typer, opened: Opened) -> None:
    """Add the command."""

    @cli.command(rich_help_panel=PANEL)
    def train(
        dataset: str = typer.Argument(help="Version to learn from: shop@3; shop is the latest."),
        name: str = typer.Option("", help="Name to register the model under; the dataset's."),
        trainer: str = typer.Option("fcos", help="Which trainer plugin."),
        set_: list[str] = typer.Option([], "--set", help="An option: epochs=20, batch=8 …"),
        seed: int | None = typer.Option(None, min=0, help="Same data, options, seed: same model."),
        wait: bool = typer.Option(True, help="Follow it; without, print the job and leave."),
    ) -> None:
        """Train a model in a process of its own, with live metrics; Ctrl-C leaves it running."""
        options = given_settings(set_)
        job = opened().runs.start(
            dataset=dataset,
            name=name or dataset.partition("@")[0],
            trainer=trainer,
            config=options,
            seed=seed,
        )
        if not wait:
            typer.echo(job.model_dump_json(indent=2))
            return
        _show(Run.model_validate(_followed(job).result))


def _followed(job: Job) -> Job:
    try:
        return job.wait(progress=True)
    except KeyboardInterrupt:
        echo(f"\nit goes on: `viseon jobs get {job.id}`; stop it: `viseon jobs cancel {job.id}`")
        raise typer.Exit(130) from None


def _show(run: Run) -> None:
    rows = [(name, f"{value:.4f}") for name, value in sorted(run.metrics.items())]
    table(rows, empty="")
    if run.model is None:
        raise Invalid(f"run {run.id} registered no model: {run.reason}")
    typer.echo(run.model)
    echo(f"{run.model} is registered; run {run.id} on {run.dataset} ({run.version[:12]})")
