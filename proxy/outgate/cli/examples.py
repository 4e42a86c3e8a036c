"""How every command's ``--help`` ends: with examples, which a test parses, and with what its exit code says.

In one table, so that a command without either is seen, and a person can read them all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

EXIT_CODES = "0 all well, 1 something was found or a check failed, 2 bad usage or configuration"


@dataclass(frozen=True, slots=True)
class Ending:
    """What stands below a command's options."""

    examples: tuple[str, ...]
    exit_codes: str


ENDINGS = {
    "run": Ending(
        (
            "outgate run",
            "outgate run --policy policy.yaml --listen 127.0.0.1:3128",
            "outgate run --listen 0.0.0.0:8080 --clients 10.0.0.0/8",
            "outgate run --reverse openai=8081",
            "outgate run --workers auto",
        ),
        "0 it was told to stop, 2 it cannot start, or cannot be kept running",
    ),
    "restart": Ending(("outgate restart",), "0 the workers are being replaced, 2 there are none"),
    "demo": Ending(("outgate demo",), "0 it was shown, 2 it cannot start"),
    "exec": Ending(
        ("outgate exec -- claude", "outgate exec -- python program.py --fast"),
        "the command's own; 126 it cannot be run, 127 there is none; 2 there is no CA yet, or bad configuration",
    ),
    "scan": Ending(
        (
            "outgate scan notes.txt",
            "outgate scan --sarif . > findings.sarif",
            "git diff | outgate scan --detect secrets",
            "outgate scan --jsonl < texts.jsonl",
        ),
        "0 nothing was found, 1 something was, 2 input could not be read",
    ),
    "redact": Ending(
        ("outgate redact < notes.txt", "kubectl logs web | outgate redact --detect secrets --detect payment"),
        "0 it was written, 2 bad usage",
    ),
    "policy check": Ending(
        ("outgate policy check policy.yaml",), "0 all can be used, 1 one cannot, 2 bad usage or configuration"
    ),
    "policy test": Ending(
        ("outgate policy test policy.yaml",),
        "0 every case holds, 1 one does not, 2 bad usage or configuration",
    ),
    "policy explain": Ending(
        (
            "outgate policy explain --provider anthropic < notes.txt",
            "outgate policy explain --policy policy.yaml --user kim --group ai-research request.json",
        ),
        "0 it was explained, whatever the verdict; 2 bad usage or configuration",
    ),
    "policy diff": Ending(
        ("outgate policy diff old.yaml new.yaml",),
        "0 NEW lets nothing out that OLD stopped, 1 it does, 2 bad usage or configuration",
    ),
    "policy status": Ending(
        ("outgate policy status", "outgate policy status --json"),
        "0 all is as it should be, 1 something is wrong, 2 bad usage or settings",
    ),
    "policy promote": Ending(
        ("outgate policy promote", "outgate policy promote --undo"),
        "0 it is so, 2 there is no canary, or bad settings",
    ),
    "policy shadow": Ending(
        ("outgate policy shadow", "outgate policy shadow --by rule --json"),
        "0 it was told, 2 there is no shadow policy, or bad settings",
    ),
    "policy bundle keygen": Ending(
        ("outgate policy bundle keygen policies.key.pem policies.pub.pem",),
        "0 they were made, 2 there is such a file already",
    ),
    "policy bundle build": Ending(
        (
            "outgate policy bundle build policies bundle.tar.gz --version 7",
            "outgate policy bundle build policies bundle.zip --version 8 --expires 30d --key policies.key.pem",
        ),
        "0 it was made, 1 a policy or a case of its own fails, 2 bad usage, or a file that no bundle takes",
    ),
    "policy bundle sign": Ending(
        ("outgate policy bundle sign bundle.tar.gz --key policies.key.pem",),
        "0 it was signed, 2 it cannot be",
    ),
    "policy bundle verify": Ending(
        ("outgate policy bundle verify bundle.tar.gz --key policies.pub.pem",),
        "0 a proxy would take it, 1 none would, 2 bad usage, or a file that cannot be read",
    ),
    "policy bundle show": Ending(
        ("outgate policy bundle show bundle.tar.gz",), "0 it was told, 2 it is no bundle"
    ),
    "policy schema": Ending(("outgate policy schema > schema.json",), "0 it was printed"),
    "setup": Ending(
        (
            "outgate setup --dry-run",
            "outgate setup",
            "outgate setup --skip java --skip browser-policy",
            "outgate setup --status",
            "outgate setup --undo",
        ),
        "0 all is done, 1 something is not, or was left as it is; 2 bad usage or configuration",
    ),
    "account fingerprint": Ending(
        (
            "outgate account fingerprint < key.txt",
            'printf %s "$OPENAI_API_KEY" | outgate account fingerprint',
        ),
        "0 it was printed, 2 it is no key",
    ),
    "ca init": Ending(
        ("outgate ca init", "outgate ca init --if-missing"),
        "0 there is a CA now, 2 there was one already, or it cannot be made",
    ),
    "ca show": Ending(
        ("outgate ca show",), "0 it is good, 1 it does not cover the whole catalogue, 2 there is none to use"
    ),
    "ca export": Ending(
        ("outgate ca export outgate-root.pem", "outgate ca export --der outgate-root.cer"),
        "0 it was written, 2 there is none, or FILE cannot be written",
    ),
    "ca rotate": Ending(
        ("outgate ca rotate", "outgate ca rotate --root --yes"), "0 it was renewed, 2 it cannot be"
    ),
    "pac": Ending(
        (
            "outgate pac > proxy.pac",
            "outgate pac --proxy proxy-a.corp.example:8080 --proxy proxy-b.corp.example:8080 > proxy.pac",
        ),
        "0 it was printed, 2 bad usage or configuration",
    ),
    "audit tail": Ending(
        (
            "outgate audit tail -f",
            "outgate audit tail --since 24h --outcome block",
            "outgate audit tail -n 1000 --json",
        ),
        "0 it was printed, 2 there is no audit log, or it cannot be read",
    ),
    "audit show": Ending(
        ("outgate audit show og_0123456789abcdef",),
        "0 it was printed, 1 no exchange has this reference, 2 there is no audit log",
    ),
    "audit verify": Ending(
        (
            "outgate audit verify",
            "outgate audit verify --since 24h",
            "outgate audit verify --public-key audit.pem --checkpoint monday.json",
        ),
        "0 the log is as it was written, 1 it is not, 2 that cannot be found out",
    ),
    "audit key": Ending(("outgate audit key > audit.pem",), "0 it was printed, 2 there is no key"),
    "audit checkpoint": Ending(
        ("outgate audit checkpoint > monday.json",), "0 it was printed, 2 there is no event, or no key"
    ),
    "audit erase": Ending(
        (
            "outgate audit erase --user ann --reason 'request 17'",
            "outgate audit erase --client 10.1.2.0/24 --yes",
        ),
        "0 it was done, 2 it could not be done, or not all of it, 130 you said no",
    ),
    "audit export": Ending(
        (
            "outgate audit export --format ocsf --since 24h",
            "outgate audit export --format csv --outcome block --output blocked.csv",
        ),
        "0 it was written, 2 there is no audit log, or it cannot be read, or the file is there already",
    ),
    "audit stats": Ending(
        ("outgate audit stats --since 7d",), "0 it was printed, 2 there is no audit log, or it cannot be read"
    ),
    "user add": Ending(
        ("outgate user add ada", "outgate user add ada --file users.htpasswd < password.txt"),
        "0 the user is in the file, 2 the file or the password cannot be used",
    ),
    "user list": Ending(
        ("outgate user list",), "0 it was printed, 2 there is no such file, or it cannot be used"
    ),
    "user remove": Ending(
        ("outgate user remove ada",), "0 the user was taken out, 2 there is none, or the file cannot be used"
    ),
    "policy suggest": Ending(
        ("outgate policy suggest --since 14d > proposed.yaml", "outgate policy suggest --region EU"),
        "0 it was printed, 2 there is nothing to go by, bad usage or configuration",
    ),
    "report risk": Ending(
        (
            "outgate report risk",
            "outgate report risk --since 30d --html report.html",
            "outgate report risk --from 2026-01-01 --to 2026-02-01 --region EU --json",
        ),
        "0 it was made, 2 bad usage or configuration",
    ),
    "report shadow": Ending(
        ("outgate report shadow", "outgate report shadow --since 30d --json"),
        "0 it was printed, 2 bad usage or configuration",
    ),
    "budgets show": Ending(
        ("outgate budgets show", "outgate budgets show --user alice --json"),
        "0 it was printed, 2 the counters cannot be read",
    ),
    "why": Ending(
        (
            "outgate why og_0123456789abcdef",
            "outgate why og_0123456789abcdef --proxy http://proxy.corp.example:8080 --json",
        ),
        "0 it was told, 1 no exchange of yours has this reference, 2 bad usage, or nobody could be asked",
    ),
    "feedback": Ending(
        (
            'outgate feedback og_0123456789abcdef --not-sensitive --reason "a name in a published paper"',
            'outgate feedback og_0123456789abcdef --not-sensitive --finding 2 --reason "our own product"',
        ),
        "0 it was reported, 1 it is not taken, 2 bad usage, or nobody could be asked",
    ),
    "justify": Ending(
        ('outgate justify og_0123456789abcdef --reason "the customer asked us to"',),
        "0 it was recorded, 1 it is not taken, 2 bad usage, or nobody could be asked",
    ),
    "review list": Ending(
        ("outgate review list", "outgate review list --all --json"), "0 it was listed, 2 it cannot be read"
    ),
    "review show": Ending(
        ("outgate review show 7",), "0 it was shown, 2 there is none, or it cannot be read"
    ),
    "review allow": Ending(
        (
            "outgate review allow 7 --for 30d",
            "outgate review allow 7 --everyone --provider openai --for 12h",
            "outgate review allow 0123456789abcdef --group research",
        ),
        "0 it passes from now on, 1 too much passes already, 2 bad usage, or it cannot be",
    ),
    "review reject": Ending(("outgate review reject 7",), "0 it was rejected, 2 there is none"),
    "review revoke": Ending(("outgate review revoke 3",), "0 it is ended, 2 none in force has this number"),
    "review stats": Ending(
        ("outgate review stats --since 4w --json",), "0 it was printed, 2 bad usage, or it cannot be read"
    ),
    "vault stats": Ending(
        ("outgate vault stats", "outgate vault stats --json"), "0 it was printed, 2 the vault cannot be used"
    ),
    "vault purge": Ending(
        (
            "outgate vault purge --scope-user alice",
            "outgate vault purge --older-than 30d",
            "outgate vault purge --all --yes",
        ),
        "0 it was removed, 2 bad usage, or the vault cannot be used",
    ),
    "vault rotate-key": Ending(
        ("outgate vault rotate-key", "outgate vault rotate-key --reseal"),
        "0 all is sealed with the new key, 2 it cannot be",
    ),
    "doctor": Ending(
        ("outgate doctor", "outgate doctor --offline"),
        "0 all is well, 1 something is wrong, 2 bad usage or settings",
    ),
}

_FIRST = {name: ending.examples[0] for name, ending in ENDINGS.items()}


def attach(command: click.Command, name: str) -> click.Command:
    """Give ``command``, called ``name``, and all below it their ending. Raises KeyError if one has none."""
    if isinstance(command, click.Group):
        below = [f"{name} {child}" for child in command.commands]
        for path, child in zip(below, command.commands.values(), strict=True):
            attach(child, path)
        # A group among them is shown by the first of its own.
        shown = [
            next(line for known, line in _FIRST.items() if f"{known} ".startswith(f"{path} "))
            for path in below
        ]
        command.epilog = _written(tuple(shown), EXIT_CODES)
    else:
        command.epilog = _written(ENDINGS[name].examples, ENDINGS[name].exit_codes)
    return command


def _written(examples: tuple[str, ...], exit_codes: str) -> str:
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{lines}\n\nExit codes: {exit_codes}."
