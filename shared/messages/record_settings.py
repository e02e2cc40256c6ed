"""Settings of who is believed on Kafka: the services' and the command line's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.tokens import LEAST_SECRET
from shared.kafka.topics import Topic
from shared.messages.record_auth import RecordVerifier, Seal

MOST_SECRETS: Final = 2
TRUSTING: Final = "trust-access-lists"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _well_named(secrets: dict[str, object]) -> dict[str, object]:
    for name in secrets:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: a name has up to 64 letters, digits, dots, dashes and underscores")
    return secrets


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < LEAST_SECRET:
        raise ValueError(f"give at least {LEAST_SECRET} characters, as `posada token key` prints them")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
BySender = Annotated[
    dict[str, Annotated[tuple[Secret, ...], Field(min_length=1, max_length=MOST_SECRETS)]],
    AfterValidator(_well_named),
]


class RecordSettings(BaseSettings):
    """Whose records are believed."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore", hide_input_in_errors=True)

    kafka_secrets: Annotated[dict[str, Secret], AfterValidator(_well_named)] = Field(
        default_factory=dict,
        description="Secrets that sign the Kafka records of Posada's own programs, as JSON by key id, the same "
        "for all programs. The last one signs, all are accepted. At least 32 characters each, as "
        "`posada token key` prints them.",
    )
    kafka_records: Literal["signed", "trust-access-lists"] = Field(
        "signed",
        description="Whether records of services must be signed. trust-access-lists: only for brokers whose "
        "access lists control who may write to which topic; without such lists anybody can then book "
        "without paying.",
    )
    gateway_secrets: BySender = Field(
        default_factory=dict,
        description="Secrets of gateways, as JSON by `ce_source`, a list of one or two each. Nothing unsigned is "
        "accepted under such a name. Withdrawals and marks of frustration are accepted from these "
        "gateways only.",
    )
    gateways_must_sign: bool = Field(
        False,
        description="Whether gateways without a secret are refused. If strangers reach Kafka, they could "
        "otherwise hold rooms and ask about payments.",
    )
    source_secrets: BySender = Field(
        default_factory=dict,
        description="Secrets of the sources that may write to `posada.payments.transfers`, as JSON by a "
        "transfer's `source`, a list of one or two each. Read by payments.",
    )

    @property
    def trusts_access_lists(self) -> bool:
        """Whether what is not signed is believed, for the broker's access lists say who writes."""
        return self.kafka_records == TRUSTING

    def seal(self) -> Seal | None:
        """What our own records are signed with; None without a secret."""
        found = {key_id: secret.get_secret_value() for key_id, secret in self.kafka_secrets.items()}
        return Seal(found) if found else None

    def refuse_unsigned(self) -> None:
        """Raises ValueError where there is no secret, and nobody said that the broker's access lists do without."""
        if not self.kafka_secrets and not self.trusts_access_lists:
            raise ValueError(
                "POSADA_KAFKA_SECRETS is not set, so that anybody who reaches Kafka could confirm an unpaid booking:"
                ' give all services the same, such as {"1": "…"} with what `posada token key` prints, or where the'
                f" broker's access lists say who writes where, POSADA_KAFKA_RECORDS={TRUSTING}"
            )

    def verifier(self, topics: Iterable[Topic]) -> RecordVerifier:
        """Whom a service believes on these topics; raises ValueError as `refuse_unsigned` does."""
        self.refuse_unsigned()
        return RecordVerifier(
            self.seal(),
            {topic.name: topic for topic in topics},
            gateways=_plain(self.gateway_secrets),
            sources=_plain(self.source_secrets),
            trusting=self.trusts_access_lists,
            known_alone=self.gateways_must_sign,
        )


def _plain(secrets: dict[str, tuple[SecretStr, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(one.get_secret_value() for one in several) for name, several in secrets.items()}
