"""The AWS credentials that this installation was given, as AWS's own library (awscrt) finds them.

Owns where they come from and how long they are used for. They are never logged. Knows nothing of what is signed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from outgate.settings.sections import SettingsError

log = logging.getLogger("outgate")

_KEPT = 60.0  # seconds that credentials are used for without asking again


class Source:
    """One place that credentials come from."""

    def __init__(self, provider: Any) -> None:  # awscrt.auth.AwsCredentialsProvider
        self._provider = provider
        self._found: Any = None
        self._until = 0.0  # time.monotonic seconds

    async def credentials(self) -> Any | None:  # awscrt.auth.AwsCredentials
        """Those that are there now, or were a minute ago; None when there are none."""
        if time.monotonic() >= self._until:
            try:
                self._found = await awaited(self._provider.get_credentials())
            except Exception as error:
                log.error("aws: no credentials: %s", type(error).__name__)
                return None
            self._until = time.monotonic() + _KEPT
        return self._found


def sources(profiles: Sequence[str]) -> tuple[Source, ...]:
    """Each profile of AWS's configuration files; without any, AWS's default chain. Raises SettingsError."""
    try:
        from awscrt.auth import AwsCredentialsProvider as Provider
    except ImportError:
        raise SettingsError(
            "aws.sign: AWS's library is not installed. Install outgate[aws], or leave it out."
        ) from None
    return tuple(Source(_profile(name)) for name in profiles) or (Source(Provider.new_default_chain()),)


async def held(places: Iterable[Source]) -> list[Any]:  # awscrt.auth.AwsCredentials
    """The credentials that there are now, in order."""
    found = [await place.credentials() for place in places]
    return [credentials for credentials in found if credentials is not None]


def _profile(name: str) -> Any:
    """The keys or the role of a profile, or what its ``credential_process`` tells."""
    from awscrt.auth import AwsCredentialsProvider as Provider

    found = []
    for make in (lambda: Provider.new_profile(profile_name=name), lambda: Provider.new_process(name)):
        with suppress(RuntimeError):  # it states nothing of this kind
            found.append(make())
    if not found:
        raise SettingsError(
            f"aws.profiles: AWS's configuration files have no profile {name!r}, or cannot be read. "
            f"`aws configure list --profile {name}` shows what is found."
        )
    return Provider.new_chain(found)


async def awaited(future: Future[Any]) -> Any:
    """A result of AWS's library, which takes it ill when what it works on is cancelled."""
    return await asyncio.shield(asyncio.wrap_future(future))
