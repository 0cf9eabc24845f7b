"""Settings of embedded mode, read once from the environment; a wrong one is named in a sentence."""

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.embedded.servers.errors import CONFIGURATION_ERROR, CannotStart
from shared.settings import with_driver

PREFIX = "SIYU_"
OTHERS = [
    "SIYU_*_URL",
    "SIYU_API_LIMIT*",
    "SIYU_DATABASE_*",
    "SIYU_DRAIN_SECONDS",
    "SIYU_EMBEDDED",
    "SIYU_FAILPOINT*",
    "SIYU_HEALTH_PORT",
    "SIYU_LOG_*",
    "SIYU_MASTER_KEY",
    "SIYU_SIMULATOR_*",
    "SIYU_TRACES_*",
    "SIYU_WEBHOOK_*",
]
"""Patterns of variables with our prefix that other parts read; a part may append its own."""

Port = Annotated[int, Field(ge=1, le=65535)]


def _redis_scheme(url: SecretStr) -> SecretStr:
    if url.get_secret_value().partition("://")[0] not in {"redis", "rediss", "unix"}:
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    return url


class EmbeddedSettings(BaseSettings):
    """Where everything on one machine listens and keeps its data."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = "127.0.0.1"
    port: Port = 8000
    simulator_port: Port = 8100
    data_dir: Path = Path("var")
    public_url: str | None = None  # where browsers reach us, if it is not host and port
    database_url: Annotated[SecretStr, AfterValidator(with_driver)] | None = Field(
        default=None, validation_alias="DATABASE_URL"
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_scheme)] | None = Field(
        default=None, validation_alias="REDIS_URL"
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.port == self.simulator_port:
            raise ValueError("SIYU_PORT and SIYU_SIMULATOR_PORT are the same")
        return self

    @classmethod
    def read(cls) -> Self:
        """Read the environment; say in one sentence which variable is wrong or unknown."""
        _refuse_unknown(os.environ)
        try:
            return cls()
        except ValidationError as problem:
            error = problem.errors(include_input=False, include_url=False)[0]
            name = str(error["loc"][0]) if error["loc"] else ""
            variable = name if name.isupper() else f"{PREFIX}{name.upper()}"
            what = error["msg"].removeprefix("Value error, ")
            sentence = f"{variable} is wrong: {what}." if name else f"{what}."
            raise CannotStart(sentence, exit_code=CONFIGURATION_ERROR) from None


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {PREFIX + field.upper() for field in EmbeddedSettings.model_fields}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known:
            continue
        if not any(fnmatchcase(name, pattern) for pattern in OTHERS):
            raise CannotStart(f"{name} is not a setting.", exit_code=CONFIGURATION_ERROR)
