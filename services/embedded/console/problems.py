"""The error catalogue as pages: made from the error classes, so that no code is without its page."""

from collections.abc import Iterator
from html import escape

from shared.errors import AppError
from shared.http.errors import type_of

_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Siyu</title>
<link rel="icon" href="/console/icon.svg">
<link rel="stylesheet" href="/console/console.css">
</head>
<body>
<header class="bar">
<a class="brand" href="/console">私域 <span>Siyu</span></a>
<nav>
<a href="/console">总览 <small>Overview</small></a>
<a href="/console/api">接口 <small>API</small></a>
<a href="/problems" aria-current="page">错误 <small>Errors</small></a>
</nav>
</header>
<main class="narrow">
{body}
</main>
</body>
</html>
"""


def every_kind() -> list[type[AppError]]:
    """The errors that a client can meet, one a code, by status and code."""
    first: dict[str, type[AppError]] = {}
    kinds: list[type[AppError]] = [AppError, *_below(AppError)]
    for kind in kinds:
        first.setdefault(kind.code, kind)  # the class that brought the code, not its heirs
    return sorted(first.values(), key=lambda kind: (kind.status, kind.code))


def _below(kind: type[AppError]) -> Iterator[type[AppError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def catalogue_page() -> str:
    """Every error in one table."""
    rows = "".join(
        f'<tr><td class="number">{kind.status}</td>'
        f'<td><a href="/problems/{escape(kind.code)}"><code>{escape(kind.code)}</code></a></td>'
        f"<td>{escape(kind.title_zh)}<br><small>{escape(kind.title)}</small></td></tr>"
        for kind in every_kind()
    )
    body = (
        "<h1>错误目录 <small>Error catalogue</small></h1>"
        "<p>每个错误都是 <code>application/problem+json</code>；程序请按 <code>code</code> 判断，不要按标题。"
        '<br><small lang="en">Every error is problem+json. Programs switch on <code>code</code>,'
        " never on the title.</small></p>"
        '<div class="scroll"><table><thead><tr><th>状态<br><small>Status</small></th>'
        "<th>代码<br><small>Code</small></th><th>含义<br><small>Title</small></th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
    return _PAGE.format(title="错误目录 Errors", body=body)


def problem_page(code: str) -> str | None:
    """What one error means and what to do; None for a code that nobody raises."""
    kind = next((kind for kind in every_kind() if kind.code == code), None)
    if kind is None:
        return None
    again = (
        ("可以重试", "may be repeated") if kind.retryable else ("重试无用", "repeating is no use")
    )
    zh = _half("zh-CN", kind.title_zh, ("含义", kind.meaning_zh), ("怎么办", kind.to_do_zh))
    en = _half("en", kind.title, ("What it means", kind.__doc__ or ""), ("What to do", kind.to_do))
    body = (
        f'<p class="crumb"><a href="/problems">错误目录 · Errors</a></p>'
        f'<p class="facts"><span class="badge">{kind.status}</span> <code>{escape(kind.code)}</code>'
        f' <span class="muted">{again[0]} · {again[1]}</span></p>{zh}{en}'
        f'<p class="muted">type: <code>{escape(type_of(kind))}</code></p>'
    )
    return _PAGE.format(title=escape(f"{kind.title_zh} {kind.title}"), body=body)


def _half(language: str, title: str, *parts: tuple[str, str]) -> str:
    told = "".join(f"<h3>{escape(name)}</h3><p>{_text(text)}</p>" for name, text in parts)
    return f'<section class="card" lang="{language}"><h2>{escape(title)}</h2>{told}</section>'


def _text(text: str) -> str:
    """Escaped, with `code` as code."""
    parts = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))
