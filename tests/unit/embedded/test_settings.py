"""The settings of embedded mode: every mistake is one sentence that names the variable."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.embedded.servers import CannotStart
from services.embedded.settings import EmbeddedSettings


def test_without_variables_everything_has_its_default() -> None:
    settings = EmbeddedSettings.read()
    assert (settings.host, settings.port, settings.simulator_port) == ("127.0.0.1", 8000, 8100)
    assert settings.data_dir == Path("var")
    assert settings.database_url is None
    assert settings.redis_url is None


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        EmbeddedSettings.read().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SIYU_PROT", "1", "SIYU_PROT is not a setting."),
        ("SIYU_PORT", "many", "SIYU_PORT is wrong: Input should be a valid integer"),
        ("SIYU_PORT", "0", "SIYU_PORT is wrong: Input should be greater than or equal to 1"),
        ("SIYU_PORT", "8100", "SIYU_PORT and SIYU_SIMULATOR_PORT are the same."),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL is wrong: it must begin with postgresql://"),
        ("REDIS_URL", "localhost", "REDIS_URL is wrong: it must begin with redis://"),
    ],
)
def test_a_wrong_variable_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotStart) as problem:
        EmbeddedSettings.read()
    assert str(problem.value).startswith(sentence)
    assert "\n" not in str(problem.value)
    assert problem.value.exit_code == 78


@pytest.mark.parametrize(
    "variable", ["SIYU_QUOTA_URL", "SIYU_LOG_LEVEL", "SIYU_FAILPOINTS", "SIYU_SIMULATOR_SEED"]
)
def test_variables_of_other_parts_are_left_to_them(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "x")
    assert EmbeddedSettings.read().port == 8000


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_database_url_always_names_the_driver(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://me:secret@host/db")
    url = EmbeddedSettings.read().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql+asyncpg://me:secret@host/db"
    assert "secret" not in repr(EmbeddedSettings.read())
