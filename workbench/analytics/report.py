"""Statistics for people: as an HTML table in a notebook, as lines on a terminal."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from workbench.analytics.metrics import Metric, Value, all_metrics

if TYPE_CHECKING:
    import polars as pl


def show(metric: Metric, name: str, value: Value) -> str:
    """Return a metric's value as a person reads it."""
    if value is None:
        return "–"
    if name == "win_rate":
        return f"{100 * value:.1f} %"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}{' ' + metric.unit if metric.unit else ''}"


def stat_lines(stats: dict[str, Value]) -> list[tuple[str, str, str]]:
    """Return (title, value, help) for every metric in `stats`, in their order."""
    return [(metric.title, show(metric, name, stats[name]), metric.help) for name, metric in all_metrics() if name in stats]


def stats_html(headline: str, stats: dict[str, Value], findings: Sequence[str] = ()) -> str:
    """Return a headline, what to know before it is believed, and figures as HTML, in as many columns as fit."""
    told = "".join(f'<li style="color:#8d5e00">{escape(sentence)}</li>' for sentence in findings)
    cells = "".join(
        f'<div title="{escape(help)}" style="display:flex;justify-content:space-between;gap:16px;border-bottom:1px solid #dee2e5;'
        f'padding:3px 0"><span style="color:#535961">{escape(title)}</span><b>{escape(value)}</b></div>'
        for title, value, help in stat_lines(stats)
    )
    return (
        f'<div style="font:13px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums;max-width:960px">'
        f'<p style="margin:0 0 8px"><b>{escape(headline)}</b></p>'
        f"{f'<ul>{told}</ul>' if told else ''}"
        f'<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:0 32px">{cells}</div></div>'
    )


def told_html(headline: str, findings: Sequence[str], frame: "pl.DataFrame") -> str:
    """Return a headline, what to know before it is believed, and a table as HTML."""
    told = "".join(f'<li style="color:#8d5e00">{escape(sentence)}</li>' for sentence in findings)
    return f"<p><b>{escape(headline)}</b></p>{f'<ul>{told}</ul>' if told else ''}{frame._repr_html_()}"
