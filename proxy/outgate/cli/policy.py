"""``outgate policy``: check, test, explain, compare; the schema for editors; and what rolls a policy out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outgate.cli import policy_bundle, policy_rollout, policy_suggest
from outgate.cli.options import config_option, policies_option
from outgate.policy.error import PolicyError, Problem
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.catalogue import Catalogue
    from outgate.model import Exchange
    from outgate.policy import Policy
    from outgate.policy.cases import Afford, Inspect, InspectAnswer, Result

_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
@config_option
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Check, test, explain, compare and roll out policies.

    Without FILES, the policy that `outgate run` would use.
    """
    context.obj = config


@command.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--no-model",
    is_flag=True,
    help="Look at the files alone: ask for no model, import no class, run no command.",
)
@click.pass_context
def check(context: click.Context, files: tuple[Path, ...], no_model: bool) -> None:
    """Check FILES, each as a policy of its own or, NAME.test.yaml, its cases. Exit code 1 if one cannot be used."""
    from outgate.policy import cases, load
    from outgate.policy.lint import shadowed, skipped

    settings, catalogue = _settings(context)
    ok = click.style("ok", fg="green")
    failed = False
    for paths in _policies(files, settings):
        try:
            if paths[0].name.endswith(cases.SUFFIX):
                _, found = cases.read(paths[0], catalogue)
                click.echo(f"{ok}  {paths[0]}: {len(found)} cases")
                continue
            policy = load(
                paths,
                check_model=not no_model,
                run_commands=not no_model,
                providers=catalogue.providers.values(),
            )
        except PolicyError as error:
            failed = True
            _problems(error)
            continue
        for warning in (*shadowed(policy), *skipped(policy)):
            click.secho(str(warning), fg="yellow", err=True)
        name = ", ".join(map(str, paths))
        counts = f"{len(policy.rules)} rules, {len(policy.entities)} entities"
        counts += f", {len(policy.budgets)} budgets" if policy.budgets else ""
        click.echo(f"{ok}  {name}: {counts}, mode {policy.mode}, hash {policy.hash[:12]}")
    context.exit(1 if failed else 0)


@command.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.pass_context
def test(context: click.Context, files: tuple[Path, ...]) -> None:
    """Run the cases beside FILES (NAME.test.yaml beside NAME.yaml).

    Without FILES, those of the policies in the settings; without these, of all that are shipped. Exit
    code 1 if a case fails, 2 if a file cannot be used.
    """
    from outgate.policy import cases

    settings, catalogue = _settings(context)
    total = failed = broken = 0
    # A policy and its cases may both be named, as in `policies/*.yaml`.
    for path in {cases.beside(path): path for path in files or _tested(settings)}.values():
        try:
            results = _tried(path, catalogue, settings)
        except PolicyError as error:
            broken += 1
            _problems(error)
            continue
        total += len(results)
        failed += sum(bool(result.failures) for result in results)
    unusable = f"; files that cannot be used: {broken}" if broken else ""
    click.echo(f"{total} cases, {failed} failed{unusable}")
    context.exit(2 if broken else 1 if failed else 0)


def _tested(settings: Settings) -> tuple[Path, ...]:
    """The policies that are tested when none is named."""
    from outgate.policy.files import packs
    from outgate.rollout.loading import policies

    if settings.policy_source is not None or "policies" in settings.model_fields_set:
        return policies(settings)
    return (*settings.policies, *packs().values())


def _tried(path: Path, catalogue: Catalogue, settings: Settings) -> tuple[Result, ...]:
    """Run the cases of a policy, or a file of cases, and tell of each. Raises PolicyError."""
    from outgate.policy import cases, load

    file = cases.of(path)
    about, found = cases.read(file, catalogue)
    policy = load(about, check_model=True, providers=catalogue.providers.values())
    unknown = [(case, name) for case in found for name in case.spent if name not in policy.names]
    if unknown:
        raise PolicyError(
            [Problem(file, case.mark, f"spent: no budget is called {name!r}") for case, name in unknown]
        )
    results = asyncio.run(cases.run(found, *_inspections(policy, catalogue, settings)))
    click.echo(str(file))
    for result in results:
        mark = click.style("FAIL", fg="red") if result.failures else click.style("ok  ", fg="green")
        click.echo(f"  {mark} {result.case.name}")
        for failure in result.failures:
            click.echo(f"       {file}:{result.case.mark.line}: {failure}")
    names = [*(rule.name for rule in policy.rules), *(budget.name for budget in policy.budgets)]
    for name in cases.untried(names, results):
        click.secho(f"  no case is decided by {name!r}", fg="yellow")
    return results


@command.command()
@click.argument("file", required=False, type=click.File("rb"), default="-")
@policies_option
@click.option("--provider", default="openai", show_default=True, help="Provider id of the catalogue.")
@click.option("--url", default="", help="The whole address, instead of a provider.")
@click.option("--path", default="", help="Path, instead of the provider's usual one.")
@click.option("--method", default="POST", show_default=True)
@click.option("--model", help="The model that is asked for.")
@click.option("--user", help="Who asks.")
@click.option("--group", "groups", multiple=True, help="A group of who asks; again for more.")
@click.option("--device", help="The device that asks.")
@click.option("--client", default="127.0.0.1", show_default=True, help="The client's address.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="A header of the request; again for more.",
)
@click.option("--time", "time_", metavar="TIME", help="When, such as 2026-01-31T14:30+01:00; default: now.")
@click.pass_context
def explain(
    context: click.Context,
    /,
    file: Any,
    policies: tuple[Path, ...],
    user: str | None,
    groups: tuple[str, ...],
    device: str | None,
    headers: tuple[str, ...],
    time_: str | None,
    **given: Any,
) -> None:
    """Say which rule decides for what is in FILE, and why.

    FILE (or standard input) is a request's JSON body, or any text, which is then what a user says.
    Values are never shown, only where they are.
    """
    from outgate.cli.policy_explain import explained, print_explanation
    from outgate.policy import load
    from outgate.rollout.loading import policies as in_force

    settings, catalogue = _settings(context)
    data: bytes = file.read()
    text = data.decode("utf-8", "replace")
    described = {key: value for key, value in given.items() if value}
    if described.get("url"):
        described.pop("provider", None)
    described["identity"] = {"user": user, "groups": groups, "device": device}
    described["headers"] = {
        name.strip(): value.strip() for name, _, value in (h.partition(":") for h in headers)
    }
    described["time"] = time_ or datetime.now(UTC)
    described["body" if _is_json(text) else "text"] = text
    exchange = _exchange(described, catalogue)
    policy = load(policies or in_force(settings), providers=catalogue.providers.values())
    verdict, explanation = asyncio.run(explained(policy, catalogue, exchange, settings))
    print_explanation(policy, verdict, explanation)


@command.command()
@click.argument("old", type=_FILES)
@click.argument("new", type=_FILES)
@click.pass_context
def diff(context: click.Context, old: Path, new: Path) -> None:
    """Say what NEW lets out that OLD stopped, and the reverse. Exit code 1 if anything does.

    Compares rule by rule over all providers, and runs the cases beside either file through both.
    """
    from outgate.cli.policy_diff import print_cases, print_comparison
    from outgate.policy import load
    from outgate.policy.diff import compare

    settings, catalogue = _settings(context)
    providers = catalogue.providers.values()
    before, after = (load([path], run_commands=False, providers=providers) for path in (old, new))
    comparison = compare(before, after, providers)
    print_comparison(comparison)
    inspect_old, inspect_new = (_inspect(policy, catalogue, settings) for policy in (before, after))
    laxer = asyncio.run(print_cases(_cases_of((old, new), catalogue), inspect_old, inspect_new))
    context.exit(1 if comparison.laxer or laxer else 0)


command.add_command(policy_bundle.command)
command.add_command(policy_suggest.command, "suggest")
for _more in (policy_rollout.status, policy_rollout.promote, policy_rollout.shadow):
    command.add_command(_more)


@command.command()
@click.option("--cases", "of_cases", is_flag=True, help="That of files of cases, NAME.test.yaml.")
def schema(of_cases: bool) -> None:
    """Print the JSON Schema of policy files, for editors."""
    from outgate.policy.cases import CasesSpec
    from outgate.policy.schema import PolicySpec, json_schema

    click.echo(json_schema(CasesSpec if of_cases else PolicySpec), nl=False)


def _settings(context: click.Context) -> tuple[Settings, Catalogue]:
    from outgate.catalogue import Catalogue

    settings = Settings.load(context.obj)
    return settings, Catalogue.load(extra=settings.catalogue)


def _policies(files: Sequence[Path], settings: Settings) -> list[tuple[Path, ...]]:
    """Each file as a policy; without any, those of the settings together."""
    from outgate.rollout.loading import policies

    return [(path,) for path in files] or [policies(settings)]


def _problems(error: PolicyError) -> None:
    for problem in error.problems:
        click.secho(str(problem), fg="red", err=True)


def _inspect(policy: Policy, catalogue: Catalogue, settings: Settings) -> Inspect:
    """The pipeline with an engine in this process."""
    return _inspections(policy, catalogue, settings)[0]


def _inspections(
    policy: Policy, catalogue: Catalogue, settings: Settings
) -> tuple[Inspect, InspectAnswer, Afford]:
    """The same, for requests, for their answers, and for budgets."""
    from outgate.rollout.inspections import inspections

    return inspections(policy, catalogue, settings.extractor_config)


def _cases_of(policies: Sequence[Path], catalogue: Catalogue) -> dict[str, Exchange]:
    """Name -> exchange of all cases beside the policies."""
    from outgate.policy import cases

    found: dict[str, Exchange] = {}
    for path in policies:
        if cases.beside(path).is_file():
            for case in cases.read(cases.beside(path), catalogue)[1]:
                found.setdefault(case.name, case.exchange)
    return found


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _exchange(described: dict[str, Any], catalogue: Catalogue) -> Exchange:
    from pydantic import ValidationError

    from outgate.policy.given import GivenSpec, exchange_of

    try:
        return exchange_of("explained", GivenSpec.model_validate(described), catalogue)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise click.UsageError(f"--{'.'.join(map(str, first['loc'])) or 'url'}: {first['msg']}") from None
    except ValueError as error:
        raise click.UsageError("; ".join(map(str, error.args))) from None
