"""Small settings that services compose: read once from the environment, frozen, handed down."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def with_driver(url: SecretStr) -> SecretStr:
    """Name the driver: without it SQLAlchemy takes another one."""
    scheme, separator, rest = url.get_secret_value().partition("://")
    if scheme in {"postgres", "postgresql"} and separator:
        return SecretStr(f"postgresql+asyncpg://{rest}")
    if scheme != "postgresql+asyncpg":
        raise ValueError("it must begin with postgresql:// or postgresql+asyncpg://")
    return url


class ProcessSettings(BaseSettings):
    """What every process needs: where the servers are and the master key."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="SIYU_", extra="ignore", populate_by_name=True
    )

    database_url: Annotated[SecretStr, AfterValidator(with_driver)] = Field(
        validation_alias="DATABASE_URL"
    )
    redis_url: SecretStr = Field(validation_alias="REDIS_URL")
    master_key: SecretStr = SecretStr("")
    embedded: bool = False  # demo secrets and the movable clock are allowed only here
    quota_url: str = "http://127.0.0.1:8001"
    open_platform_url: str = "http://127.0.0.1:8002"
    public_url: str = "http://127.0.0.1:8000"  # where browsers and the platform reach our API
    douyin_api_url: str = "https://open.douyin.com"
    webhook_silence_minutes: Annotated[int, Field(ge=1)] = 360  # after which silence is an alarm
    webhook_repair_minutes: Annotated[int, Field(ge=0)] = 10  # 0: the interaction log is not read
    video_look_minutes: Annotated[int, Field(ge=0)] = 10  # 0: nobody looks for new videos
    live_look_minutes: Annotated[int, Field(ge=0)] = 5  # 0: nobody looks whether accounts are live
    webhook_private_networks: bool = False  # ours to others may go there
    webhook_log_days: Annotated[int, Field(ge=1, le=3650)] = 30  # of ours to others
    webhook_body_days: Annotated[int, Field(ge=1, le=3650)] = 30
    api_limit: Annotated[int, Field(ge=0)] = 600  # requests a minute of one credential; 0: no limit
    api_limit_mode: Literal["shadow", "enforce"] = "shadow"
    health_port: int = 8080
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0
    traces_url: str = ""  # of an OTLP collector; without it no span is made
    traces_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    data_dir: Path = Path("var")
    database_connections: int = 10  # at most, for each service
