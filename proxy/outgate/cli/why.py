"""``outgate why``: what became of a request, and what can be done about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from outgate.cli.asking import proxy_option, refused, way
from outgate.cli.options import config_option, json_option
from outgate.feedback.errors import UnknownReferenceError


@click.command()
@click.argument("reference")
@config_option
@proxy_option
@json_option
def command(reference: str, config: Path | None, proxy: str | None, as_json: bool) -> None:
    """Say why a request was stopped: REFERENCE stands in its error, as og_ and 16 digits. Values are never shown."""
    try:
        case = way(config, proxy).case(reference)
    except UnknownReferenceError as error:
        refused(error.message)
    case.pop("token", None)
    if as_json:
        click.echo(json.dumps(case, ensure_ascii=False))
        return
    _show(case)


def _show(case: dict[str, Any]) -> None:
    colours = {"block": "red", "refuse": "red", "edit": "yellow", "forward": "green"}
    outcome = click.style(case["outcome"], fg=colours.get(case["outcome"]), bold=True)
    by = f" by rule {case['rule']!r}" if case["rule"] else ""
    problem = f" ({case['reason'].replace('_', ' ')})" if case["reason"] else ""
    click.echo(f"{case['reference']}  {outcome}{by}{problem}")
    model = f", {case['model']}" if case["model"] else ""
    click.echo(f"at      {case['time']}, from {case['person'].partition(':')[2] or case['person']}")
    click.echo(f"to      {case['provider'] or case['host']}{model}")
    if case["message"]:
        click.echo(f"        {case['message']}")
    for one in case["findings"]:
        entity = click.style(one["entity"], bold=True)
        reported = f", reported ({one['reported']})" if one["reported"] else ""
        click.echo(f"\nfinding {one['number']}: {entity}, score {one['score']:.2f}{reported}")
        click.echo(f"  in {one['place']} ({one['role']}), fingerprint {one['fingerprint']}")
        click.echo(f"  {one['action']} by {one['rule']!r}")
    if case["findings_total"] > len(case["findings"]):
        click.echo(f"\n{case['findings_total']} findings in all")
    for one in case["uninspectable"]:
        click.echo(f"\nnot inspected: {one}")
    for one in case["reasons"]:
        counts = "counts" if one["counts"] else "counted"
        click.echo(f"\nreason, by {one['given_by']}, which {counts} until {one['until']}: {one['reason']}")
    click.echo()
    for line in case["what_to_do"]:
        click.echo(f"- {line}")
