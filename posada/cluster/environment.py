"""The environment of the services of a local cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.local.backend import BACKENDS_VARIABLE
from deploy.local.choice import POSTGRES_VARIABLE
from shared.contracts.topics import SERVICES
from shared.settings import ServiceSettings

Variables = Mapping[str, str | None]

# A service must see neither the administrator's password nor another service's address.
_OWN_DATABASES: Final = tuple(f"POSADA_{service.upper()}_DATABASE_URL" for service in SERVICES)
_WITHHELD: Final = (POSTGRES_VARIABLE, BACKENDS_VARIABLE, *_OWN_DATABASES)
_PREFIX: Final = "POSADA_"
_OF_EVERY_SERVICE: Final = frozenset(f"{_PREFIX}{name.upper()}" for name in ServiceSettings.model_fields)


def without_outside(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what single services read: providers, feeds, other systems, addresses of staff.

    Only settings that every service has remain, so that a new provider is left out, too. Services read names in
    whatever case.
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(_PREFIX) or name.upper() in _OF_EVERY_SERVICE
    }


class ServiceEnvironment:
    """Builds the environment of a service from `environ`, what `all_services` get, and what `single` ones get.

    None takes a variable away.
    """

    def __init__(self, environ: Mapping[str, str], all_services: Variables, single: Mapping[str, Variables]) -> None:
        self._environ = dict(environ)
        self._all = dict(all_services)
        self._single = dict(single)

    def configure(self, service: str, settings: Variables) -> None:
        """Replace what a service alone gets."""
        self._single[service] = settings

    def of(self, service: str, addresses: Mapping[str, str], port: int, secrets: Mapping[str, str]) -> dict[str, str]:
        """The environment of a service that listens on `port` of the loopback address."""
        variables: dict[str, str | None] = {
            **self._environ,
            **dict.fromkeys(_WITHHELD),
            **secrets,
            "POSADA_LOG_JSON": "true",
            **self._all,
            **self._single.get(service, {}),
            **addresses,
            "POSADA_HTTP_HOST": "127.0.0.1",
            "POSADA_HTTP_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
        }
        return {name: value for name, value in variables.items() if value is not None}
