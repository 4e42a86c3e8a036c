"""The command line: one file per command, loaded when it is asked for. No logic of its own.

Exit codes: 0 all well, 1 something was found or a check failed, 2 bad usage or configuration.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from outgate import __version__

# Command -> its module under outgate.cli, and what it does.
_COMMANDS = {
    "run": ("run", "Start the proxy."),
    "demo": ("demo", "Show what leaves and what does not, without a network or a key."),
    "exec": ("exec_", "Run a command with the proxy and CA set for it."),
    "scan": ("scan", "Find sensitive data in files or standard input."),
    "redact": ("redact", "Standard input to standard output, sensitive data taken out."),
    "policy": ("policy", "Check, test, explain and compare policies."),
    "ca": ("ca", "Make, show, export and renew the certificate authority."),
    "audit": ("audit", "Read the audit log."),
    "doctor": ("doctor", "Check this installation and say how to mend it."),
}


class _Lazy(click.Group):
    """Imports a command's module when the command runs, so that ``--help`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"outgate.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="outgate")
def outgate() -> None:
    """Outgate: an egress filter for LLM API traffic."""


def main() -> None:
    """Run the command line; expected errors are told in one line, without a traceback."""
    try:
        code = outgate.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception as error:
        message = getattr(error, "message", None)
        if not isinstance(message, str):
            raise
        click.secho(f"outgate: {message}", err=True, fg="red")
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
