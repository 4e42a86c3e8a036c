"""The command line: one file per command, loaded when it is asked for. No logic of its own.

Colours are for terminals, and for nobody who sets NO_COLOR (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from outgate import __version__
from outgate.cli.examples import EXIT_CODES, attach

# Command -> its module under outgate.cli, and what it does.
COMMANDS = {
    "run": ("run", "Start the proxy."),
    "restart": ("restart", "Replace the workers of a proxy that runs, one by one."),
    "demo": ("demo", "Show what leaves and what does not, without a network or a key."),
    "exec": ("exec_", "Run a command with the proxy and CA set for it."),
    "scan": ("scan", "Find sensitive data in files or standard input."),
    "redact": ("redact", "Standard input to standard output, sensitive data taken out."),
    "policy": ("policy", "Check, test, explain, compare and roll out policies."),
    "setup": ("setup", "Set this machine up: CA, trust, system proxy, login service; and undo it."),
    "account": ("account", "Name an account to a policy by its key's fingerprint."),
    "ca": ("ca", "Make, show, export and renew the certificate authority."),
    "pac": ("pac", "Print the PAC file that sends AI hosts, and no others, to the proxy."),
    "audit": ("audit", "Read, prove, export and erase from the audit log."),
    "report": ("report", "What went to AI services, and what to act on."),
    "why": ("why", "Say why a request was stopped."),
    "feedback": ("feedback", "Say that what was found is not sensitive."),
    "justify": ("justify", "Give a reason for what a rule wants one for."),
    "review": ("review", "Look at what people reported, and let values pass."),
    "vault": ("vault", "Count, remove, reseal what placeholders stand for."),
    "user": ("user", "Users and passwords."),
    "budgets": ("budgets", "See what was used of the policy's budgets."),
    "doctor": ("doctor", "Check this installation and say how to mend it."),
}


class _Lazy(click.Group):
    """Imports a command's module when the command runs, so that ``--help`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"outgate.cli.{COMMANDS[cmd_name][0]}")
        return attach(module.command, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"""\b
Examples:
  outgate demo
  outgate ca init && outgate run
  outgate exec -- claude

`outgate COMMAND --help` has examples of each command.

Exit codes: {EXIT_CODES}.""",
)
@click.version_option(__version__, prog_name="outgate")
@click.pass_context
def outgate(context: click.Context) -> None:
    """Outgate: an egress filter for LLM API traffic."""
    context.color = _colour()


def main() -> None:
    """Run the command line; expected errors are told in one line, without a traceback."""
    try:
        code = outgate.main(prog_name="outgate", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        # Whoever reads us has seen enough (click and rich end so, too). Nothing may be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        message = _expected(error)
        if message is None:
            raise
        click.secho(f"outgate: {message}", err=True, fg="red", color=_colour())
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _colour() -> bool | None:
    """False when nobody wants colours; None leaves it to whether we write to a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _expected(error: Exception) -> str | None:
    """What to tell of an error of ours or of the files that we were given; None for a fault of the program."""
    message = getattr(error, "message", None)
    if isinstance(message, str):
        return message
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return None
