"""Statistics for people: as an HTML table in a notebook, as lines on a terminal."""

from html import escape
from typing import TYPE_CHECKING

from workbench.analytics.metrics import Metric, Value, all_metrics

if TYPE_CHECKING:
    from workbench.research.backtest import Backtest


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


def stats_html(result: "Backtest") -> str:
    """Return a result's headline and figures as HTML."""
    rows = "".join(
        f'<tr title="{escape(help)}"><td style="text-align:left">{escape(title)}</td><td>{escape(value)}</td></tr>'
        for title, value, help in stat_lines(result.stats)
    )
    return f"<p><b>{escape(repr(result))}</b></p><table>{rows}</table>"
