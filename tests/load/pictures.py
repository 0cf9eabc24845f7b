"""Pictures of figures, as SVG, made by this file alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABELS, _BAR, _GAP = 860, 330, 22, 8
_COLOURS = ("#2f6f9f", "#d98324", "#5a9a56", "#b0455a", "#7a6bb0", "#8a7a55", "#4aa3a3", "#999999")


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing and how much of it there is; `least` and `most` of all runs are drawn as a line."""

    label: str
    value: float
    least: float
    most: float


def bars(title: str, unit: str, shown: Sequence[Bar]) -> str:
    """Horizontal bars, one below the other, in the order given."""
    height = 40 + len(shown) * (_BAR + _GAP)
    most = max((max(bar.value, bar.most) for bar in shown), default=1.0) or 1.0
    scale = (_WIDTH - _LABELS - 90) / most
    lines = [_head(height, title)]
    for number, bar in enumerate(shown):
        top = 36 + number * (_BAR + _GAP)
        middle = top + _BAR / 2
        colour = _COLOURS[number % len(_COLOURS)]
        ends = _LABELS + bar.most * scale
        lines += [
            _text(_LABELS - 8, middle + 4, bar.label, anchor="end"),
            f'<rect x="{_LABELS}" y="{top}" width="{max(bar.value * scale, 1):.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<line x1="{_LABELS + bar.least * scale:.1f}" y1="{middle}" x2="{ends:.1f}" y2="{middle}" stroke="#222"/>',
            _text(max(ends, _LABELS + bar.value * scale) + 6, middle + 4, f"{bar.value:g} {unit}"),
        ]
    return "\n".join([*lines, "</svg>", ""])


def stack(title: str, unit: str, shown: Sequence[Bar]) -> str:
    """One bar made of pieces, each with its share, and what they are below it."""
    total = sum(bar.value for bar in shown) or 1.0
    lines = [_head(70 + len(shown) * 20, f"{title}: {total:.0f} {unit}")]
    left = 20.0
    for number, bar in enumerate(shown):
        wide, colour = bar.value / total * (_WIDTH - 40), _COLOURS[number % len(_COLOURS)]
        below = 76 + number * 20
        share = f"{bar.label}: {bar.value:g} {unit}, {bar.value / total:.0%}"
        lines += [
            f'<rect x="{left:.1f}" y="32" width="{wide:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<rect x="20" y="{below - 11}" width="12" height="12" fill="{colour}"/>',
            _text(40, below, share),
        ]
        left += wide
    return "\n".join([*lines, "</svg>", ""])


def _head(height: int, title: str) -> str:
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">'
    )
    ground = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return f"{opened}\n{ground}\n{_text(20, 20, title, weight='bold')}"


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#222"'
    return f"<text {place}>{escape(words)}</text>"
