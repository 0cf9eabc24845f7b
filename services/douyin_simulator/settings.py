"""Settings of the simulator, read once from the environment (`SIYU_SIMULATOR_…`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be chosen. Times in seconds; the platform's caps are its 2025 ones."""

    model_config = SettingsConfigDict(env_prefix="SIYU_SIMULATOR_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8100, ge=0, le=65_535)
    data_dir: Path = Path("var/simulator")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    webhook_url: str = "http://127.0.0.1:8000/douyin/webhooks/{client_key}"
    webhook_retry_after_s: tuple[float, ...] = (1.0, 5.0, 15.0)
    webhook_timeout_s: float = Field(default=5.0, gt=0)
    webhook_connections: int = Field(default=64, ge=1)

    client_key: str = Field(default="awtest0123456789", min_length=1)
    client_secret: str = Field(default="0123456789abcdef0123456789abcdef", min_length=1)
    account_open_id: str = Field(default="biz-open-id-0001", min_length=1)
    access_token: str = Field(default="act.demo0123456789", min_length=1)
    refresh_token: str = Field(default="rft.demo0123456789", min_length=1)
    client_token: str = Field(default="clt.demo0123456789", min_length=1)
    demo_fans: int = Field(default=300, ge=1, le=9_999)

    reply_limit: int = Field(default=6, ge=0)
    reply_valid_s: int = Field(default=86_400, ge=1)
    reply_applies_to: Literal["non_followers", "everyone"] = "non_followers"
    enter_limit: int = Field(default=3, ge=0)
    enter_window_s: int = Field(default=30, ge=1)
    enters_per_day: int = Field(default=3, ge=0)
    text_max_chars: int = Field(default=1000, ge=1)
    calls_per_day: int = Field(default=0, ge=0)

    echo_id: Literal["same", "different"] = "same"
    error_family: Literal["2800", "2190"] = "2800"
    error_envelope: Literal["e1", "e2", "text_code"] = "e1"
    cancel_after_failures: int = Field(default=0, ge=0)
    previous_access_token_life_s: int = Field(default=300, ge=0)

    @field_validator("webhook_retry_after_s")
    @classmethod
    def _pauses_are_positive(cls, pauses: tuple[float, ...]) -> tuple[float, ...]:
        if any(pause < 0 for pause in pauses):
            raise ValueError("a pause cannot be negative")
        return pauses

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level
