// Islands of TradingView Lightweight Charts: an element with `data-chart` names the JSON block beside it. The chart is made
// once; when the live feed or a morph changes the JSON, its data are set in place. Colours come from the page's tokens.

const { createChart, createSeriesMarkers, AreaSeries, LineSeries, LineStyle, CrosshairMode } = window.LightweightCharts;
const amount = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const islands = new WeakMap();

// The library reads rgb only; the page speaks oklch and light-dark(), so a canvas translates.
const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function colour(token, alpha = 1) {
  const probe = document.createElement("span");
  probe.className = `token-${token}`;
  document.body.append(probe);
  ink.clearRect(0, 0, 1, 1);
  ink.fillStyle = getComputedStyle(probe).color;
  ink.fillRect(0, 0, 1, 1);
  probe.remove();
  const [r, g, b] = ink.getImageData(0, 0, 1, 1).data;
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

function looks() {
  const [line, faint, dim, accent, card] = ["line", "faint", "dim", "accent", "card"].map((token) => colour(token));
  return {
    chart: {
      layout: { background: { color: "transparent" }, textColor: dim },
      grid: { vertLines: { visible: false }, horzLines: { color: line } },
      crosshair: {
        vertLine: { color: faint, width: 1, style: LineStyle.Dotted, labelBackgroundColor: dim },
        horzLine: { color: faint, width: 1, style: LineStyle.Dotted, labelBackgroundColor: dim },
      },
    },
    equity: {
      lineColor: accent, topColor: colour("accent", 0.1), bottomColor: colour("accent", 0), crosshairMarkerBackgroundColor: accent,
      crosshairMarkerBorderColor: card, priceLineColor: accent,
    },
    hold: { color: faint, crosshairMarkerBackgroundColor: faint, crosshairMarkerBorderColor: card },
    buy: accent,
    sell: dim,
  };
}

const full = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");

class EquityChart {
  constructor(host) {
    this.host = host;
    host.replaceChildren();
    this.readout = host.appendChild(document.createElement("p"));
    this.readout.className = "readout";
    const zone = host.appendChild(document.createElement("span"));
    zone.className = "zone";
    zone.textContent = "UTC";
    const canvas = host.appendChild(document.createElement("div"));
    canvas.className = "canvas";
    this.chart = createChart(canvas, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      localization: { locale: "en-GB", priceFormatter: (value) => amount.format(value), timeFormatter: (t) => `${full(t)} UTC` },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.1, bottom: 0.08 }, minimumWidth: 78 },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: true, lockVisibleTimeRangeOnResize: true, minBarSpacing: 0.05 },
      crosshair: { mode: CrosshairMode.Magnet },
      handleScroll: false,
      handleScale: false,
    });
    this.hold = this.chart.addSeries(LineSeries, { lineWidth: 1, lineStyle: LineStyle.Dashed, priceLineVisible: false, lastValueVisible: false });
    this.equity = this.chart.addSeries(AreaSeries, { lineWidth: 2, priceLineVisible: false });
    this.markers = createSeriesMarkers(this.equity, []);
    this.chart.subscribeCrosshairMove((move) => this.read(move));
    this.recolour();
  }

  set(data) {
    this.data = data;
    const rows = (points) => points.map(([time, value]) => ({ time, value }));
    this.equity.setData(rows(data.equity));
    this.hold.setData(rows(data.hold));
    // A fill stands at the newest point that is not after it: the line may have been thinned.
    const times = data.equity.map(([time]) => time);
    const place = (time) => times.findLast((known) => known <= time) ?? times[0];
    const fills = data.markers.map((fill) => ({ ...fill, time: place(fill.time) })).sort((a, b) => a.time - b.time);
    this.fills = Map.groupBy(fills, (fill) => fill.time);
    this.chart.timeScale().fitContent();
    this.mark();
    this.read({});
  }

  mark() {
    const shapes = { buy: ["belowBar", "arrowUp", this.looks.buy], sell: ["aboveBar", "arrowDown", this.looks.sell] };
    const marks = [];
    const taken = {};
    for (const [time, fills] of this.fills ?? []) {
      const x = this.chart.timeScale().timeToCoordinate(time) ?? 0;
      for (const side of ["buy", "sell"]) {
        const [position, shape, color] = shapes[side];
        // Arrows that would lie on each other are one arrow; the crosshair still tells every fill.
        if (!fills.some((fill) => fill.side === side) || x - taken[side] < 9) continue;
        taken[side] = x;
        marks.push({ time, position, shape, color, size: 0.8 });
      }
    }
    this.markers.setMarkers(marks.sort((a, b) => a.time - b.time));
  }

  read(move) {
    if (!this.data?.equity.length) return;
    const [lastTime, last] = this.data.equity.at(-1);
    const time = move.time ?? lastTime;
    const equity = move.seriesData?.get(this.equity)?.value ?? (move.time ? undefined : last);
    const hold = move.seriesData?.get(this.hold)?.value ?? (move.time ? undefined : this.data.hold.at(-1)?.[1]);
    const fills = move.time ? (this.fills.get(move.time) ?? []) : [];
    const today = full(Date.now() / 1000).slice(0, 10);
    const parts = [["time", full(time).replace(`${today} `, "")]];
    if (equity !== undefined) parts.push(["equity", amount.format(equity)]);
    if (hold !== undefined) parts.push(["hold", `hold ${amount.format(hold)}`]);
    for (const fill of fills.slice(0, 3)) parts.push([fill.side, `${fill.side === "buy" ? "▲ bought" : "▼ sold"} ${fill.text}`]);
    if (fills.length > 3) parts.push(["more", `and ${fills.length - 3} more`]);
    this.readout.replaceChildren(
      ...parts.map(([name, text]) => {
        const part = document.createElement("span");
        part.className = name;
        part.textContent = text;
        return part;
      }),
    );
  }

  recolour() {
    this.looks = looks();
    this.chart.applyOptions(this.looks.chart);
    this.equity.applyOptions(this.looks.equity);
    this.hold.applyOptions(this.looks.hold);
    this.mark();
  }
}

function refresh() {
  for (const host of document.querySelectorAll("[data-chart]")) {
    const source = document.getElementById(host.dataset.chart);
    if (!source) continue;
    let island = islands.get(host);
    if (!island) islands.set(host, (island = { chart: new EquityChart(host), text: "" }));
    if (island.text === source.textContent) continue;
    island.text = source.textContent;
    island.chart.set(JSON.parse(island.text));
  }
}

document.addEventListener("theme:changed", () => {
  for (const host of document.querySelectorAll("[data-chart]")) islands.get(host)?.chart.recolour();
});
document.addEventListener("htmx:after:swap", refresh);
refresh();
