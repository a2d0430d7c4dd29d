"""``lws-events crd``: the CustomResourceDefinition, generated from the typed definitions."""

import typer

app = typer.Typer(no_args_is_help=True, help="Generate the CustomResourceDefinition, or check that it is up to date.")


@app.command("generate")
def generate() -> None:
    """Write [bold]deploy/crd/leaderworkersets.yaml[/bold] from the typed definitions and the Kubernetes OpenAPI."""
    from adapters.kubernetes import crd

    raise typer.Exit(crd.generate())


@app.command("check")
def check() -> None:
    """Fail (exit code 1) when [bold]deploy/crd/leaderworkersets.yaml[/bold] is stale."""
    from adapters.kubernetes import crd

    raise typer.Exit(crd.check())
