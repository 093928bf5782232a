// Islands of TradingView Lightweight Charts: an element with `data-chart` names the JSON block beside it. The chart is made
// once; when the live feed or a morph changes the JSON, its data are set in place. Colours come from the page's tokens.

const { createChart, createChartEx, createSeriesMarkers, defaultHorzScaleBehavior, AreaSeries, CandlestickSeries, HistogramSeries, LineSeries, LineStyle, CrosshairMode } =
  window.LightweightCharts;
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
    candles: {
      // A candle that rose is hollow, one that fell is full: the colour alone says nothing.
      upColor: card, borderUpColor: colour("gain"), wickUpColor: colour("gain"), downColor: colour("loss"), borderDownColor: colour("loss"),
      wickDownColor: colour("loss"), priceLineColor: faint,
    },
    volume: { color: colour("faint", 0.3) },
    hold: { color: faint, crosshairMarkerBackgroundColor: faint, crosshairMarkerBorderColor: card },
    buy: accent,
    sell: dim,
  };
}

const zone = window.zone;
const full = (seconds) => `${zone.text(seconds).replace("T", " ")}${zone.isTwice(seconds) ? ` ${zone.named(seconds)}` : ""}`;
const exact = (seconds) => `${zone.text(seconds).replace("T", " ")} ${zone.named(seconds)}`;

// Points stay in UTC; where days, months and hours begin on the axis is what the zone's clocks say. The library weighs a
// point by the largest of its units that begins there.
const WITHIN_A_DAY = [[43200, 33], [21600, 32], [10800, 31], [3600, 30], [1800, 22], [300, 21], [60, 20], [1, 10]];

function weight(before, at) {
  const [a, b] = [zone.wall(before), zone.wall(at)];
  if (a.getUTCFullYear() !== b.getUTCFullYear()) return 70;
  if (a.getUTCMonth() !== b.getUTCMonth()) return 60;
  if (a.getUTCDate() !== b.getUTCDate()) return 50;
  return WITHIN_A_DAY.find(([length]) => Math.floor(a / 1000 / length) !== Math.floor(b / 1000 / length))?.[1] ?? 0;
}

class ZonedTimes extends defaultHorzScaleBehavior() {
  fillWeightsForPoints(points, start = 0) {
    const time = (place) => points[place].originalTime;
    for (let i = Math.max(start, 1); i < points.length; i += 1) points[i].timeWeight = weight(time(i - 1), time(i));
    if (start === 0 && points.length > 1) {
      const usual = Math.ceil((time(points.length - 1) - time(0)) / (points.length - 1));
      points[0].timeWeight = weight(time(0) - usual, time(0));
    }
  }
}

// A year, a month, a day, a time of day, and one with seconds, as the library numbers them.
function tick(seconds, kind) {
  const text = zone.text(seconds);
  if (kind === 0) return text.slice(0, 4);
  if (kind === 1) return zone.wall(seconds).toLocaleString("en-GB", { month: "short", timeZone: "UTC" });
  return kind === 2 ? String(Number(text.slice(8, 10))) : text.slice(11, kind === 3 ? 16 : 19);
}

class EquityChart {
  constructor(host) {
    this.host = host;
    host.replaceChildren();
    this.readout = host.appendChild(document.createElement("p"));
    this.readout.className = "readout";
    const named = host.appendChild(document.createElement("span"));
    named.className = "zone";
    named.textContent = zone.label;
    named.title = zone.key;
    const canvas = host.appendChild(document.createElement("div"));
    canvas.className = "canvas";
    this.chart = createChartEx(canvas, new ZonedTimes(), {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      localization: { locale: "en-GB", priceFormatter: (value) => amount.format(value), timeFormatter: exact },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.1, bottom: 0.08 }, minimumWidth: 78 },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: true, tickMarkFormatter: tick, lockVisibleTimeRangeOnResize: true, minBarSpacing: 0.05 },
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

// Candles: those on the page are the newest; older ones are asked for as JSON when somebody looks for them. A candle that is
// clicked, or chosen by keyboard, fills and sends the form that asks why.
const MOST = 6000;
const PART = 500;

class CandleChart {
  constructor(host) {
    this.host = host;
    this.rows = new Map();
    this.fills = new Map();
    this.marks = [];
    host.replaceChildren();
    this.readout = host.appendChild(document.createElement("p"));
    this.readout.className = "readout";
    const named = host.appendChild(document.createElement("span"));
    named.className = "zone";
    named.textContent = zone.label;
    named.title = zone.key;
    this.canvas = host.appendChild(document.createElement("div"));
    this.canvas.className = "canvas";
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "Chart: left and right go from candle to candle, Enter asks why");
    this.chart = createChartEx(this.canvas, new ZonedTimes(), {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      localization: { locale: "en-GB", timeFormatter: exact },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.06, bottom: 0.18 }, minimumWidth: 70 },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, tickMarkFormatter: tick, rightOffset: 3, minBarSpacing: 0.5 },
      crosshair: { mode: CrosshairMode.Normal },
      handleScroll: { vertTouchDrag: false },
    });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.87, bottom: 0 } });
    this.candles = this.chart.addSeries(CandlestickSeries, { priceLineWidth: 1 });
    this.markers = createSeriesMarkers(this.candles, []);
    this.chart.subscribeCrosshairMove((move) => this.read(move.time));
    this.chart.subscribeClick((click) => click.time && this.ask(click.time));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => range && range.from < 20 && this.older());
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    this.recolour();
  }

  set(data) {
    const last = this.times?.at(-1);
    const isFirst = last === undefined;
    this.length = data.length;
    // After a long silence there would be a gap: then what the page has is all there is again.
    if (!isFirst && data.candles.length && data.candles[0][0] > last + data.length) this.rows.clear();
    const changed = data.candles.filter((row) => String(this.rows.get(row[0])) !== String(row));
    for (const row of changed) this.rows.set(row[0], row);
    if (isFirst || this.rows.size === changed.length || changed.some((row) => row[0] < last)) this.draw();
    else {
      for (const row of changed) {
        this.candles.update(this.candle(row));
        this.volume.update({ time: row[0], value: Number(row[5]) });
        if (row[0] > this.times.at(-1)) this.times.push(row[0]);
      }
    }
    if (isFirst) {
      const precision = (this.precision = data.decimals);
      this.candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
      this.chart.applyOptions({ timeScale: { secondsVisible: data.length < 60 } });
      const fits = Math.max(30, Math.floor((this.canvas.clientWidth - 70) / 7));
      this.chart.timeScale().setVisibleLogicalRange({ from: this.rows.size - Math.min(fits, Math.max(this.rows.size, 40)), to: this.rows.size + 2 });
    }
    this.mark();
    this.read(this.chosen);
    if (isFirst && this.host.dataset.at) this.show(Math.floor(Number(this.host.dataset.at) / 1000));
  }

  candle([time, open, high, low, close]) {
    return { time, open: Number(open), high: Number(high), low: Number(low), close: Number(close) };
  }

  draw() {
    this.times = [...this.rows.keys()].sort((a, b) => a - b);
    const rows = this.times.map((time) => this.rows.get(time));
    this.candles.setData(rows.map((row) => this.candle(row)));
    this.volume.setData(rows.map((row) => ({ time: row[0], value: Number(row[5]) })));
  }

  // Leads to the time that the page was asked about, as far as it can be reached.
  async show(at) {
    for (let i = 0; i < 3 && at < this.times[0] && !this.isWhole; i += 1) await this.older(2000);
    const place = this.times.findLastIndex((time) => time <= at);
    if (place < 0) return;
    this.chosen = this.times[place];
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const half = (range.to - range.from) / 2;
    if (place < range.from) this.chart.timeScale().setVisibleLogicalRange({ from: place - half, to: place + half });
    // Where a time lies is known once the new range is drawn.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    this.chart.setCrosshairPosition(Number(this.rows.get(this.chosen)[4]), this.chosen, this.candles);
    this.read(this.chosen);
  }

  async older(count = PART) {
    if (this.asking || this.isWhole || !this.times?.length || this.times.length >= MOST) return;
    this.asking = true;
    try {
      const answer = await fetch(`${this.host.dataset.older}&limit=${count}&until=${this.times[0] * 1000}`);
      if (!answer.ok) return;
      const { items, next } = (await answer.json()).data;
      for (const item of items) {
        const time = Date.parse(item.ts) / 1000;
        if (!this.rows.has(time)) this.rows.set(time, [time, item.open, item.high, item.low, item.close, item.volume].map((text) => (typeof text === "string" && text.includes(".") ? text.replace(/\.?0+$/, "") : text)));
      }
      this.isWhole = next === null;
      if (items.length) this.draw();
      this.mark();
    } finally {
      this.asking = false;
    }
  }

  setMarks(marks) {
    this.marks = marks;
    this.mark();
  }

  mark() {
    if (!this.length) return;
    this.fills = new Map();
    for (const fill of this.marks) {
      const time = Math.floor(fill.time / this.length) * this.length;
      if (this.rows.has(time)) this.fills.set(time, [...(this.fills.get(time) ?? []), fill]);
    }
    const shown = [];
    for (const [time, fills] of this.fills) {
      const sides = new Set(fills.map((fill) => fill.side));
      if (sides.has("buy")) shown.push({ time, position: "belowBar", shape: "arrowUp", color: this.looks.buy, size: 1 });
      if (sides.has("sell")) shown.push({ time, position: "aboveBar", shape: "arrowDown", color: this.looks.sell, size: 1 });
    }
    this.markers.setMarkers(shown.sort((a, b) => a.time - b.time));
  }

  read(wanted) {
    const time = wanted ?? this.times?.at(-1);
    const row = this.rows.get(time);
    if (!row) return;
    const [, open, high, low, close, volume] = row;
    const change = (Number(close) / Number(open) - 1) * 100;
    const shown = Math.abs(change) < 0.005 ? 0 : change;
    const way = shown > 0 ? "gain" : shown < 0 ? "loss" : "";
    const sign = shown > 0 ? "+" : shown < 0 ? "\u2212" : "";
    // With the digits of the axis, so that the line keeps its length from candle to candle.
    const [o, h, l, c] = [open, high, low, close].map((text) => Number(text).toFixed(this.precision));
    const parts = [["time", full(time)], ["", `O ${o}`], ["", `H ${h}`], ["", `L ${l}`], ["equity", `C ${c}`]];
    parts.push([way, `${sign}${Math.abs(change).toFixed(2)}\u202f%`], ["", `V ${volume}`]);
    const fills = this.fills.get(time) ?? [];
    for (const fill of fills.slice(0, 2)) parts.push([fill.side, `${fill.side === "buy" ? "▲ bought" : "▼ sold"} at ${fill.text}`]);
    if (fills.length > 2) parts.push(["", `and ${fills.length - 2} more`]);
    this.readout.replaceChildren(
      ...parts.map(([name, text]) => {
        const part = document.createElement("span");
        part.className = name;
        part.textContent = text;
        return part;
      }),
    );
  }

  press(event) {
    const last = this.times.length - 1;
    const now = this.chosen === undefined ? last + 1 : this.times.indexOf(this.chosen);
    const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last };
    if (event.key === "Enter" && this.chosen !== undefined) this.ask(this.chosen);
    else if (event.key in steps) {
      this.chosen = this.times[Math.min(Math.max(steps[event.key], 0), last)];
      this.readout.setAttribute("aria-live", "polite");
      this.chart.setCrosshairPosition(Number(this.rows.get(this.chosen)[4]), this.chosen, this.candles);
      const place = this.times.indexOf(this.chosen);
      const range = this.chart.timeScale().getVisibleLogicalRange();
      const off = place < range.from ? place - range.from - 2 : place > range.to ? place - range.to + 2 : 0;
      if (off) this.chart.timeScale().setVisibleLogicalRange({ from: range.from + off, to: range.to + off });
      this.read(this.chosen);
    } else return;
    event.preventDefault();
  }

  ask(time) {
    const form = document.getElementById(this.host.dataset.ask);
    const at = this.fills.get(time)?.at(-1).at ?? (time + this.length) * 1000 - 1;
    form.elements.at.value = zone.text(Math.floor(at / 1000));
    form.requestSubmit();
    const address = new URL(location.href);
    address.searchParams.set("at", form.elements.at.value);
    history.replaceState(null, "", address);
  }

  recolour() {
    this.looks = looks();
    this.chart.applyOptions(this.looks.chart);
    this.candles.applyOptions(this.looks.candles);
    this.volume.applyOptions(this.looks.volume);
    this.mark();
  }
}

function refreshCandles() {
  for (const host of document.querySelectorAll("[data-candles]")) {
    const [candles, marks] = [host.dataset.candles, host.dataset.marks].map((id) => document.getElementById(id)?.textContent ?? "");
    if (!candles) continue;
    let island = islands.get(host);
    if (!island) islands.set(host, (island = { chart: new CandleChart(host), candles: "", marks: "" }));
    if (island.candles !== candles) island.chart.set(JSON.parse((island.candles = candles)));
    if (marks && island.marks !== marks) island.chart.setMarks(JSON.parse((island.marks = marks)));
  }
}

// Several lines on one scale, in percent, by the seconds since each began; they differ in colour and in how they are drawn.
const STYLES = [LineStyle.Solid, LineStyle.Dashed, LineStyle.Dotted, LineStyle.LargeDashed];

function elapsed(seconds) {
  const two = (value) => String(value).padStart(2, "0");
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor((seconds % 86400) / 3600), Math.floor((seconds % 3600) / 60)];
  if (days) return `${days} d ${two(hours)} h`;
  if (hours) return `${hours} h ${two(minutes)} min`;
  return `${minutes}:${two(Math.floor(seconds % 60))}`;
}

class LinesChart {
  constructor(host) {
    host.replaceChildren();
    this.readout = host.appendChild(document.createElement("p"));
    this.readout.className = "readout";
    const canvas = host.appendChild(document.createElement("div"));
    canvas.className = "canvas";
    // What is nothing as far as it is shown goes neither way.
    const percent = (value) => {
      const shown = amount.format(Math.abs(value));
      return `${!/[1-9]/.test(shown) ? "" : value > 0 ? "+" : "\u2212"}${shown} %`;
    };
    this.percent = percent;
    this.chart = createChart(canvas, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      localization: { locale: "en-GB", priceFormatter: percent, timeFormatter: (t) => `after ${elapsed(t)}` },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.1, bottom: 0.08 }, minimumWidth: 78 },
      timeScale: { borderVisible: false, tickMarkFormatter: (t) => elapsed(t), lockVisibleTimeRangeOnResize: true, minBarSpacing: 0.05 },
      crosshair: { mode: CrosshairMode.Magnet },
      handleScroll: false,
      handleScale: false,
    });
    this.series = [];
    this.chart.subscribeCrosshairMove((move) => this.read(move));
  }

  set(data) {
    this.data = data;
    while (this.series.length > data.lines.length) this.chart.removeSeries(this.series.pop());
    while (this.series.length < data.lines.length) {
      const lineStyle = STYLES[this.series.length % STYLES.length];
      this.series.push(this.chart.addSeries(LineSeries, { lineWidth: 2, lineStyle, priceLineVisible: false, lastValueVisible: true }));
    }
    data.lines.forEach((line, place) => this.series[place].setData(line.points.map(([time, value]) => ({ time, value }))));
    this.recolour();
    this.chart.timeScale().fitContent();
    this.read({});
  }

  read(move) {
    if (!this.data) return;
    const last = Math.max(0, ...this.data.lines.map((line) => line.points.at(-1)?.[0] ?? 0));
    const time = move.time ?? last;
    const parts = [["time", `after ${elapsed(time)}`, ""]];
    this.data.lines.forEach((line, place) => {
      // Where a line has no point of its own, what it was last is what it is.
      const found = line.points.findLast(([at]) => at <= time);
      const ended = time > (line.points.at(-1)?.[0] ?? 0);
      if (found && !(move.time !== undefined && ended)) parts.push([`ink-${place + 1}`, `${line.name} ${this.percent(found[1])}`]);
    });
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
    this.chart.applyOptions(looks().chart);
    this.series.forEach((series, place) => series.applyOptions({ color: colour(`series-${place + 1}`) }));
  }
}

const KINDS = { equity: EquityChart, lines: LinesChart };

function refresh() {
  refreshCandles();
  for (const host of document.querySelectorAll("[data-chart]")) {
    const source = document.getElementById(host.dataset.chart);
    if (!source) continue;
    let island = islands.get(host);
    if (!island) islands.set(host, (island = { chart: new KINDS[host.dataset.kind ?? "equity"](host), text: "" }));
    if (island.text === source.textContent) continue;
    island.text = source.textContent;
    island.chart.set(JSON.parse(island.text));
  }
}

document.addEventListener("theme:changed", () => {
  for (const host of document.querySelectorAll("[data-chart], [data-candles]")) islands.get(host)?.chart.recolour();
});
document.addEventListener("htmx:after:swap", refresh);
refresh();
