"""Small settings that services compose: read once from the environment, frozen, handed down."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """What every process needs: where the servers are and the master key."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="SIYU_", extra="ignore", populate_by_name=True
    )

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    redis_url: SecretStr = Field(validation_alias="REDIS_URL")
    master_key: SecretStr = SecretStr("")
    embedded: bool = False  # demo secrets and the movable clock are allowed only here
    quota_url: str = "http://127.0.0.1:8001"
    open_platform_url: str = "http://127.0.0.1:8002"
    douyin_api_url: str = "https://open.douyin.com"
    health_port: int = 8080
    log_level: str = "info"
    data_dir: Path = Path("var")
    database_pool: int = 5
    database_overflow: int = 5
