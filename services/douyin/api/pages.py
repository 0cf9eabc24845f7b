"""Pages for owners, in Chinese and English: no script, nothing from elsewhere, nothing that was sent to us."""

import base64
import hashlib
from html import escape
from typing import Final

from shared.errors import AppError

_STYLE: Final = (
    "body{font:18px/1.6 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}"
    "h1{font-size:1.4em;margin-bottom:0}p{margin-top:.3em;color:#444}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address holds a code
    "X-Content-Type-Options": "nosniff",
}


def done() -> str:
    """The owner has authorised."""
    return _page(
        ("授权成功", "您可以关闭此页面了。"),
        ("Authorised", "You may close this page."),
    )


def refused(error: AppError) -> str:
    """It did not work, and what to do."""
    return _page(
        (error.title_zh, "请向发送链接的人索取新的授权链接。"),
        (error.title, "Please ask whoever sent you the link for a new one."),
    )


def _page(chinese: tuple[str, str], english: tuple[str, str]) -> str:
    parts = "".join(
        f'<section lang="{language}"><h1>{escape(title)}</h1><p>{escape(text)}</p></section>'
        for language, (title, text) in (("zh", chinese), ("en", english))
    )
    return (
        '<!doctype html><html lang="zh"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(chinese[0])} · {escape(english[0])}</title><style>{_STYLE}</style></head>"
        f"<body>{parts}</body></html>"
    )
