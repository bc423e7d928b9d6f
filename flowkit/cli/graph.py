"""``flowkit graph``: draw a DAG without running it."""

from __future__ import annotations

import click

from .inputs import dag_argument, load_dag


@click.command()
@dag_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid"]),
    default="text",
    show_default=True,
    help="Plain text, or a Mermaid flowchart.",
)
def graph(spec: str, form: str) -> None:
    """Draw a DAG. Nothing is run, and no Redis is needed."""
    from .output import say

    _, dag = load_dag(spec)
    say(dag.to_mermaid() if form == "mermaid" else dag.visualize())
    dag.layout()  # a picture helps to find a cycle, which is an error all the same
