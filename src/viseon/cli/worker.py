"""`viseon worker`: what a job process runs. Not for typing."""

import typer

from viseon.schema import JobState, Principal, Role, Scope


def add_worker(cli: typer.Typer) -> None:
    """Add the command."""

    @cli.command(hidden=True)
    def worker(
        job: str, workspace: str = "default", principal: str = "local", role: Role = Role.ADMIN
    ) -> None:
        """Run one job to its end."""
        from viseon import app  # torch and the store load only in the job's own process

        scope = Scope(principal=Principal(name=principal, role=role), workspace=workspace)
        ended = app.run_worker(job, scope)
        raise typer.Exit(0 if ended.state is JobState.DONE else 1)

    @cli.command("stream-child", hidden=True)
    def stream_child(workspace: str, stream: str) -> None:
        """Run one stream to its end, under a supervisor."""
        from viseon import app

        raise typer.Exit(app.run_stream_child(workspace, stream))
