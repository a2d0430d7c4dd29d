"""``lws-events crd``: the CustomResourceDefinition, generated from the typed definitions.

A command for those who work on the project: its input and its result are files of a clone.
"""

from types import ModuleType

import typer

from adapters.errors import NotInstalled

app = typer.Typer(no_args_is_help=True, help="Generate the CustomResourceDefinition, or check that it is up to date.")


@app.command("generate")
def generate() -> None:
    """Write [bold]deploy/crd/leaderworkersets.yaml[/bold] from the typed definitions and the Kubernetes OpenAPI."""
    raise typer.Exit(_in_a_clone().generate())


@app.command("check")
def check() -> None:
    """Fail (exit code 1) when [bold]deploy/crd/leaderworkersets.yaml[/bold] is stale."""
    raise typer.Exit(_in_a_clone().check())


def _in_a_clone() -> ModuleType:
    from adapters.kubernetes import crd

    if not crd.OPENAPI_FILE.exists():
        raise NotInstalled(
            f"the CustomResourceDefinition is generated in a clone of the project: {crd.OPENAPI_FILE} is not there",
            hint="kubectl apply -f deploy/crd/leaderworkersets.yaml, from a clone, installs it",
        )
    return crd
