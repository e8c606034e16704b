"""`flask sandbox`: imitations of the vendors' APIs, to try connections on without touching a real shop."""

from __future__ import annotations

from pathlib import Path

import click

from integrations import sandbox


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, help="0 takes a free one.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder that keeps what they hold.")
def command(host: str, port: int, data: Path | None) -> None:
    """Serve the sandbox vendors until Ctrl-C."""
    if data:
        data.mkdir(parents=True, exist_ok=True)
    sandbox.run(host=host, port=port, data_dir=data)
