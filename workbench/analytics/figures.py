"""Plotly figures in the colours of the pages, so that a figure and a page look like one product."""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

INK, DIM, FAINT, LINE = "#1b2026", "#535961", "#646970", "#dee2e5"
ACCENT, GAIN, LOSS = "#285cc2", "#007136", "#be222a"
FONT: Final = "system-ui, -apple-system, 'Segoe UI', sans-serif"
POINTS: Final = 2000

TEMPLATE: Final = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "colorway": [ACCENT, FAINT, GAIN, LOSS],
        "margin": {"l": 56, "r": 16, "t": 68, "b": 40},
        "title": {"font": {"size": 14, "color": INK}, "x": 0.012, "xanchor": "left", "y": 0.96},
        "xaxis": {"gridcolor": LINE, "linecolor": LINE, "zeroline": False, "tickfont": {"color": DIM}, "showgrid": False,
                  "showspikes": True, "spikethickness": 1, "spikecolor": FAINT, "spikedash": "dot", "spikemode": "across"},
        "yaxis": {"gridcolor": LINE, "linecolor": LINE, "zeroline": False, "tickfont": {"color": DIM}, "nticks": 6},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": LINE, "font": {"family": FONT, "color": INK}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "font": {"color": DIM}},
    }
)  # fmt: skip


def thinned(frame: pl.DataFrame, x: str, y: str, points: int = POINTS) -> pl.DataFrame:
    """Return the rows of a long line that its picture needs: extremes stay, what no pixel would show goes."""
    if frame.height <= points:
        return frame
    from tsdownsample import MinMaxLTTBDownsampler

    picker: Any = MinMaxLTTBDownsampler
    kept = picker().downsample(frame[x].dt.epoch("ms").to_numpy(), frame[y].to_numpy(), n_out=points)
    chosen: list[int] = kept.tolist()
    return frame[chosen]


def equity_traces(equity: pl.DataFrame, hold: pl.DataFrame, fills: pl.DataFrame) -> list[Any]:
    """Return the traces of an equity figure: equity, buy and hold, entries and exits, always in this order."""
    line, yardstick = thinned(equity, "ts", "equity"), thinned(hold, "ts", "equity")
    marks = fills.join_asof(equity, on="ts", strategy="backward").with_columns(pl.col("price").cast(pl.Float64))
    value = "%{y:,.2f}<extra>%{fullData.name}</extra>"
    traces: list[Any] = [
        go.Scatter(x=line["ts"].to_list(), y=line["equity"].to_list(), name="Equity", hovertemplate=value,
                   line={"color": ACCENT, "width": 1.6}),
        go.Scatter(x=yardstick["ts"].to_list(), y=yardstick["equity"].to_list(), name="Buy and hold", hovertemplate=value,
                   line={"color": FAINT, "width": 1.2, "dash": "dot"}),
    ]  # fmt: skip
    for side, name, symbol, colour in (("buy", "Entry", "triangle-up", GAIN), ("sell", "Exit", "triangle-down", LOSS)):
        chosen = marks.filter(pl.col("side") == side)
        told = [
            f"{row['symbol']} {side} at {row['price']:,.6g}: {row['reason'].replace('_', ' ')}"
            for row in chosen.iter_rows(named=True)
        ]
        traces.append(
            go.Scatter(x=chosen["ts"].to_list(), y=chosen["equity"].to_list(), name=name, mode="markers", text=told,
                       hovertemplate="%{text}<extra></extra>", marker={"symbol": symbol, "color": colour, "size": 7})
        )  # fmt: skip
    return traces


def equity_figure(equity: pl.DataFrame, hold: pl.DataFrame, fills: pl.DataFrame, title: str = "") -> go.Figure:
    """Return the equity line beside buy and hold, with a marker for every fill.

    Parameters
    ----------
    equity, hold
        Frames with `ts` and `equity`.
    fills
        One row a fill, with `ts`, `symbol`, `side`, `price` and `reason`.
    title
        Above the figure.
    """
    figure = go.Figure(equity_traces(equity, hold, fills))
    figure.update_layout(template=TEMPLATE, title=title, height=380, xaxis_title="UTC")
    figure.update_yaxes(tickformat=",.0f")
    return figure


def candle_figure(frame: pl.DataFrame, title: str = "", points: int = 400) -> go.Figure:
    """Return the newest bars as candles."""
    shown = frame.tail(points)
    candles = go.Candlestick(
        x=shown["ts"].to_list(), open=shown["open"].to_list(), high=shown["high"].to_list(), low=shown["low"].to_list(),
        close=shown["close"].to_list(), increasing={"line": {"color": GAIN, "width": 1}, "fillcolor": "#ffffff"},
        decreasing={"line": {"color": LOSS, "width": 1}, "fillcolor": LOSS}, name="Price",
    )  # fmt: skip
    figure = go.Figure(candles)
    figure.update_layout(template=TEMPLATE, title=title, height=380, xaxis_title="UTC", xaxis_rangeslider_visible=False)
    return figure


def sweep_figure(frame: pl.DataFrame, axes: Sequence[str], by: str, title: str) -> go.Figure:
    """Return a heatmap of a sweep's first two axes, each cell the best of the others; a line where there is one axis."""
    figure = go.Figure(layout={"title": {"text": title}, "template": TEMPLATE, "height": 420})
    ordered = {name: _ordered(frame[name]) for name in axes[:2]}
    best = {row[:-1]: row[-1] for row in frame.group_by(*ordered).agg(pl.col(by).cast(pl.Float64).max()).iter_rows()}
    if len(ordered) == 1:
        ((name, values),) = ordered.items()
        heights = [best[value,] for value in values]
        figure.add_trace(go.Scatter(x=_labels(values), y=heights, mode="lines+markers", name=by))
        figure.update_layout(xaxis_title=name, yaxis_title=by)
        return figure
    (down, rows), (across, columns) = ordered.items()
    cells = [[best.get((row, column)) for column in columns] for row in rows]
    figure.add_trace(go.Heatmap(x=_labels(columns), y=_labels(rows), z=cells, colorscale="Viridis", colorbar={"title": by}))
    figure.update_layout(xaxis_title=across, yaxis_title=down)
    return figure


def _ordered(column: pl.Series) -> list[Any]:
    """Return the values of an axis in order; names stay as they came."""
    found = column.unique(maintain_order=True)
    return found.to_list() if found.dtype == pl.String else found.sort().to_list()


def _labels(values: Sequence[Any]) -> list[Any]:
    """Return values as an axis has them: a truth is a word there."""
    return [str(value) if isinstance(value, bool) else value for value in values]


def fan_figure(times: Any, lines: Any, title: str, own: Any = None) -> go.Figure:
    """Return several equity lines over one time: at most a hundred of them, thin, and above them one of one's own.

    Parameters
    ----------
    times
        Milliseconds UTC, shape (n,).
    lines
        Shape (lines, n).
    title
        Above the figure.
    own
        Shape (n,).
    """
    stamps = pl.Series(times).cast(pl.Datetime("ms", "UTC")).to_list()
    figure = go.Figure(layout={"title": {"text": title}, "template": TEMPLATE, "height": 380})
    for place, line in enumerate(lines[:100]):
        figure.add_trace(
            go.Scatter(x=stamps, y=line.tolist(), mode="lines", name=f"{place}", showlegend=False, hoverinfo="skip", opacity=0.5,
                       line={"width": 1, "color": FAINT if own is not None else ACCENT})
        )  # fmt: skip
    if own is not None:
        figure.add_trace(go.Scatter(x=stamps, y=own.tolist(), mode="lines", name="Equity", line={"width": 1.8, "color": ACCENT}))
    figure.update_yaxes(tickformat=",.0f")
    return figure


def spread_figure(values: Any, own: float | None, title: str, label: str) -> go.Figure:
    """Return a histogram of what came of many runs, with a line where one's own lies."""
    figure = go.Figure(layout={"title": {"text": title}, "template": TEMPLATE, "height": 340, "bargap": 0.04})
    figure.add_trace(go.Histogram(x=list(values), nbinsx=50, marker={"color": FAINT}, name="runs"))
    if own is not None:
        figure.add_vline(x=own, line={"color": ACCENT, "width": 2}, annotation={"text": "this run", "font": {"color": ACCENT}})
    figure.update_layout(xaxis_title=label, yaxis_title="runs", showlegend=False, hovermode="closest")
    return figure
