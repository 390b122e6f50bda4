"use strict";
// The curves of two runs over each other: A solid, B dashed.
(function () {
  const runs = JSON.parse(document.getElementById("data").textContent), LETTERS = ["A", "B"], DASH = [[], [7, 4]];
  const seconds = runs.map((run) => run.series.bucket_us / 1e6);
  // Buckets of two runs may differ in width; a chart has one axis for both.
  const x = Array.from(new Set(runs.flatMap((run, side) => Array.from({ length: run.series.buckets }, (_, index) => index * seconds[side])))).sort((a, b) => a - b);
  const place = new Map(x.map((at, index) => [at, index]));
  function laid(side, values) {
    const line = new Array(x.length).fill(null);
    if (values) values.forEach((value, index) => { const at = place.get(index * seconds[side]); if (at !== undefined) line[at] = value; });
    return line;
  }

  const spans = runs.map((run) => (run.series.fault_spans || []).map((span) => ({ from: span.from / 1e6, to: (span.to == null ? run.series.buckets * run.series.bucket_us : span.to) / 1e6, depth: 0.4 })));
  const stages = runs[0].series.stages.map((stage) => ({ name: stage.name, from: stage.from / 1e6, to: stage.to / 1e6 }));
  const overTime = { x, shared: true, marks: { shaded: stages.filter((_, index) => index % 2 === 0), names: stages, bands: spans.flat(), ticks: [], lines: [] } };

  // One measure of both runs: [word, colour, values of a run's side].
  const both = (measures) => measures.flatMap(([word, stroke, of]) => runs.map((run, side) => ({
    label: LETTERS[side] + " " + word, stroke, dash: DASH[side], width: side ? 1.5 : 2, spanGaps: true, values: laid(side, of(run.series, side)),
  })));
  const perSecond = (values, side) => values && values.map((value) => value / seconds[side]);
  const added = (lists) => (lists.length ? lists[0].map((_, index) => (lists.every((list) => list[index] == null) ? null : lists.reduce((sum, list) => sum + (list[index] || 0), 0))) : null);
  const fromZero = (u, min, max) => [0, Math.max(1, max * 1.08)];
  const logRange = (u, min, max) => {
    const low = Math.max(1, min == null ? 1 : min), high = Math.max(low * 10, max == null ? 10 : max);
    return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.01))];
  };
  const positive = (values) => values && values.map((value) => (value == null ? null : Math.max(1, value)));
  const queues = (dead, of) => (series) => added(series.queues.filter((queue) => queue.dead_letter === dead).map(of));

  function overTimeCharts(parent) {
    const draw = (title, about, measures, more = {}) => chart(parent, { ...overTime, title, about, height: 200, rangeY: fromZero, lines: both(measures), ...more });
    draw("Sold and refused", "per second", [["sold", "sold", (series, side) => perSecond(series.answers.sold, side)], ["sold out", "sold-out", (series, side) => perSecond(series.answers.sold_out, side)]], { wide: true, named: true, height: 230 });
    draw("Latency", "of purchases by intended start, logarithmic", [["p50", "c1", (series) => positive(series.latency.p50)], ["p99", "ink-line", (series) => positive(series.latency.p99)]], { wide: true, format: time, logY: true, rangeY: logRange, height: 230 });
    const products = Array.from(new Set(runs.flatMap((run) => run.series.stock.map((row) => row.product)))).slice(0, 4);
    for (const product of products) {
      const read = (series) => { const row = series.stock.find((each) => each.product === product); return row && row.seen; };
      draw("Stock of " + shortened(product, 60), "as read", [["stock", "c1", read]], { rangeY: (u, min, max) => [Math.min(0, min), Math.max(1, max * 1.05)] });
    }
    draw("Backlog", "messages waiting, all queues", [["waiting", "c2", queues(false, (queue) => queue.waiting)]], { nothing: "No queue was sampled." });
    draw("Dead letters", "all dead-letter queues", [["dead letters", "failed", queues(true, (queue) => queue.waiting)]], { nothing: "No dead-letter queue was sampled." });
    draw("Productions open", "", [["open", "c3", (series) => series.open_productions]]);
  }

  function percentiles(parent) {
    const at = (point, count) => (point.quantile < 1 ? Math.min(1 / (1 - point.quantile), Math.max(count, 1)) : Math.max(count, 1));
    const tables = runs.map(({ latency }) => new Map(latency.purchases_curve.map((point) => [at(point, latency.purchases_intended.count), Math.max(1, point.us)])));
    const places = Array.from(new Set(tables.flatMap((table) => Array.from(table.keys())))).sort((a, b) => a - b), last = places.length ? places[places.length - 1] : 10;
    const share = (value) => (value <= 1 ? "0 %" : Number((100 * (1 - 1 / value)).toFixed(Math.max(0, Math.ceil(Math.log10(value)) - 2) + (value < 10 ? 1 : 0))) + " %");
    chart(parent, {
      x: places, title: "Percentile curve of purchases", about: "from the intended start, both axes logarithmic", height: 280, logX: true, logY: true, format: time, formatX: share, labelX: "percentile",
      rangeX: () => [1, Math.max(10, last)], rangeY: logRange, splitsX: () => [1, 2, 4, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter((decade) => decade <= last * 1.01),
      lines: tables.map((table, side) => ({ label: LETTERS[side], stroke: side ? "c2" : "c1", dash: DASH[side], width: 2, spanGaps: true, values: places.map((each) => table.get(each) ?? null) })),
    });
  }

  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  function draw() {
    document.getElementById("charts").replaceChildren();
    document.getElementById("percentiles").replaceChildren();
    timeCharts.length = 0;
    overTimeCharts(document.getElementById("charts"));
    percentiles(document.getElementById("percentiles"));
    root.dataset.charts = String(document.querySelectorAll(".uplot canvas").length);
  }
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    draw();
  });
  dark.addEventListener("change", draw);
  document.getElementById("reset-zoom").addEventListener("click", resetZoom);
  let before;
  addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; root.classList.add("printing"); draw(); });
  addEventListener("afterprint", () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; root.classList.remove("printing"); draw(); });
  draw();
  root.dataset.overhang = String(Math.max(0, root.scrollWidth - root.clientWidth));
  root.dataset.ready = "true";
})();
