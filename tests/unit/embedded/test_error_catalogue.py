"""Every error class says in Chinese and English what it means and what to do: the catalogue is made of it."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from html import escape

import pytest

import services
import shared
from services.embedded.console.problems import every_kind, problem_page
from shared.errors import AppError

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def every_error() -> Iterator[type[AppError]]:
    """All error classes of the product."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting: list[type[AppError]] = [AppError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += [k for k in kind.__subclasses__() if not k.__module__.startswith("test")]


CODES = sorted({kind.code for kind in every_error()})


def test_the_catalogue_knows_every_code() -> None:
    assert {kind.code for kind in every_kind()} >= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_an_error_explains_itself_in_its_own_words(code: str) -> None:
    kind = next(kind for kind in every_kind() if kind.code == code)
    for text in (kind.title_zh, kind.meaning_zh, kind.to_do_zh):
        assert CHINESE.search(text), text
    for text in (kind.title, kind.__doc__ or "", kind.to_do):
        assert text.strip()
        assert not CHINESE.search(text), text
    for name in ("title", "title_zh", "meaning_zh", "to_do", "to_do_zh"):
        inherited = kind is not AppError and name not in vars(kind)
        assert not inherited, f"{kind.__name__} needs a {name} of its own"
    page = problem_page(code) or ""
    assert kind.title_zh in page
    assert escape(kind.title) in page
