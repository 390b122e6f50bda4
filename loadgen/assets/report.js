"use strict";
// Which charts this report has, from the data embedded in the page.
(function () {
  const { series, latency } = JSON.parse(document.getElementById("data").textContent);
  const seconds = series.bucket_us / 1e6;
  const x = Array.from({ length: series.buckets }, (_, index) => index * seconds);
  const perSecond = (counts) => counts.map((count) => count / seconds);
  const CLASSES = [
    ["sold", "sold", ["sold"]], ["sold out", "sold-out", ["sold_out"]], ["browsed", "browsed", ["browsed"]],
    ["failed", "failed", ["rejected", "shed", "unreachable"]],
    ["unknown", "unknown", ["in_flight", "server_error", "timed_out", "cut", "garbled"]],
  ];
  const CLASS_KEYS = { sold: "sold", sold_out: "sold-out", browsed: "browsed", failed: "failed", unknown: "unknown" };
  const CLASS_DASH = { sold: [], sold_out: [7, 3], browsed: [2, 3], failed: [9, 3, 2, 3], unknown: [3, 3] };

  function marks() {
    const span = (name, from, to) => ({ name, from: from / 1e6, to: to / 1e6 });
    const stages = series.stages.map((stage) => span(stage.name, stage.from, stage.to));
    const load = series.phases.find((phase) => phase.phase === "load");
    const others = series.phases.filter((phase) => phase.phase !== "load" || stages.length === 0).map((phase) => span(phase.phase, phase.from, phase.to));
    const end = (series.buckets * series.bucket_us) / 1e6;
    const deaths = series.roles.filter((row) => row.state === "exited" && !row.planned).map((row) => ({ at: row.at / 1e6, colour: "failed" }));
    const bounds = load ? [{ at: load.from / 1e6, colour: "muted" }, { at: load.to / 1e6, colour: "muted" }] : [];
    return { shaded: stages.filter((_, index) => index % 2 === 0), names: [...stages, ...others], bands: bands(), ticks: ticks(), lines: [...bounds, ...deaths] };
  }

  const spans = (series.fault_spans || []).map((span) => ({
    rule: span.rule, from: span.from / 1e6, to: (span.to == null ? series.buckets * series.bucket_us : span.to) / 1e6,
    effective: span.effective == null ? null : span.effective / 1e6, healed: span.to == null ? null : span.to / 1e6,
  }));

  // Hundreds of faults are one band wherever they touch; how many are in force at once, as a share of the most, is its depth.
  function bands() {
    const edges = spans.flatMap((span) => [[span.from, 1], [Math.max(span.to, span.from), -1]]).sort((a, b) => a[0] - b[0]);
    const list = [];
    let depth = 0, since = 0;
    for (const [at, step] of edges) {
      if (depth > 0 && at > since) list.push({ from: since, to: at, depth });
      depth += step;
      since = at;
    }
    const most = Math.max(1, ...list.map((band) => band.depth));
    for (const band of list) band.depth = most === 1 ? 0.5 : band.depth / most;
    return list;
  }

  function ticks() {
    const tick = (at, colour, lane) => (at == null ? [] : [{ at, colour, lane }]);
    return spans.flatMap((span) => [...tick(span.from, "muted", 0), ...tick(span.effective, "failed", 1), ...tick(span.healed, "pass", 2)]);
  }

  const MOST_ROWS = 48;

  // One line per rule, in the order in which they were wanted.
  function faults(parent) {
    if (spans.length === 0) return;
    const rules = Array.from(new Set(spans.map((span) => span.rule))), rows = Math.min(rules.length, MOST_ROWS), named = new Set();
    const bars = spans.map((span) => ({ ...span, row: rules.indexOf(span.rule) })).filter((bar) => bar.row < rows);
    for (const bar of bars) {
      if (!named.has(bar.rule)) bar.name = bar.rule;
      named.add(bar.rule);
    }
    const inForce = x.map((from) => spans.filter((span) => span.from < from + seconds && span.to >= from).length);
    const hidden = { stroke: "none", width: 0 };
    const beyond = rules.length > rows ? "; " + (rules.length - rows) + " more are not drawn" : "";
    chart(parent, {
      ...overTime, title: "Faults", about: "pale: wanted, full: in effect" + beyond, wide: true, height: 90 + Math.max(2, rows) * (rows > 16 ? 13 : 17), noAxisY: true,
      plugins: [barsPlugin(bars, Math.max(2, rows))], rangeY: () => [0, 1],
      lines: [{ label: "in force", values: inForce, ...hidden }, { label: "strikes", values: series.strikes || [], ...hidden }],
    });
  }

  const overTime = { x, shared: true, marks: marks() };

  // Answers are stacked, so that their upper edge is the rate of all answers; the schedule and what was sent lie over them.
  function answers(parent) {
    const stack = new Array(series.buckets).fill(0);
    const layers = [];
    for (const [label, stroke, kinds] of CLASSES) {
      const present = kinds.filter((kind) => series.answers[kind]);
      if (present.length === 0) continue;
      const shown = perSecond(x.map((_, index) => present.reduce((sum, kind) => sum + series.answers[kind][index], 0)));
      shown.forEach((value, index) => { stack[index] += value; });
      layers.push({ label, stroke, shown, values: stack.slice(), fill: true, stepped: true, width: 1 });
    }
    layers.reverse();
    const sent = { label: "attempts sent", stroke: "ink-line", values: perSecond(series.sent), width: 1.5, stepped: true };
    const planned = { label: "arrivals planned", stroke: "plan-line", values: perSecond(series.planned), dash: [5, 4], width: 1.5, stepped: true };
    chart(parent, {
      ...overTime, title: "Arrivals and answers", about: "per second; answers stacked, by the time they came", wide: true, height: 250, named: true,
      lines: [...layers, sent, ...(series.planned.length ? [planned] : [])],
      bands: (lines) => lines.filter((line) => line.fill).slice(1).map((_, index) => ({ series: [index + 1, index + 2] })),
      rangeY: (u, min, max) => [0, Math.max(1, max * 1.06)],
    });
  }

  const logRange = (u, min, max) => {
    const low = Math.max(1, min == null ? 1 : min), high = Math.max(low * 10, max == null ? 10 : max);
    return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.01))];
  };
  const positive = (values) => values.map((value) => (value == null ? null : Math.max(1, value)));

  function latencyOverTime(parent) {
    const classes = Object.entries(series.latency_p99).map(([key, values]) => ({
      label: "p99 " + key.replace("_", " "), stroke: CLASS_KEYS[key], dash: CLASS_DASH[key], values: positive(values), points: true, width: 1.5,
    }));
    chart(parent, {
      ...overTime, title: "Latency", about: "by intended start, logarithmic", wide: true, height: 250, named: true, format: time, logY: true, rangeY: logRange,
      lines: [
        { label: "p50 purchases", stroke: "c1", values: positive(series.latency.p50), width: 2 },
        { label: "p99 purchases", stroke: "ink-line", values: positive(series.latency.p99), width: 2 },
        { label: "worst", stroke: "muted", values: positive(series.latency.max), width: 1, dash: [1, 3] },
        ...classes,
      ],
    });
  }

  // Below zero there is no stock: what reaches down there was sold without being there.
  const belowZero = { hooks: { drawClear: (u) => {
    if (u.scales.y.min >= 0) return;
    const zero = u.valToPos(0, "y", true), bottom = u.bbox.top + u.bbox.height;
    u.ctx.save();
    u.ctx.fillStyle = colour("below");
    u.ctx.fillRect(u.bbox.left, zero, u.bbox.width, bottom - zero);
    u.ctx.restore();
  } } };

  function stock(parent, product) {
    chart(parent, {
      ...overTime, title: "Stock of " + shortened(product.product, 60), about: "as read, within what it can have been", wide: series.stock.length === 1, height: 210,
      lines: [
        { label: "at most", stroke: "c1", values: product.at_most, width: 0.75, stepped: true },
        { label: "at least", stroke: "c1", values: product.at_least, width: 0.75, dash: [3, 3], stepped: true },
        { label: "read", stroke: "ink-line", values: product.seen, width: 2, spanGaps: true, points: true },
      ],
      bands: () => [{ series: [1, 2], fill: colour("c1") + "2e" }],
      plugins: [belowZero],
      rangeY: (u, min, max) => [Math.min(0, min), Math.max(1, max * 1.05)],
    });
  }

  const fromZero = (u, min, max) => [0, Math.max(4, max * 1.08)];
  const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
  const style = (index) => ({ stroke: "c" + ((index % 8) + 1), dash: DASHES[Math.floor(index / 2) % 4], spanGaps: true, points: false });

  function queues(parent) {
    const live = series.queues.filter((queue) => !queue.dead_letter), dead = series.queues.filter((queue) => queue.dead_letter);
    const total = (queue) => queue.waiting.map((value, index) => (value == null && queue.in_flight[index] == null ? null : (value || 0) + (queue.in_flight[index] || 0)));
    const depth = (title, about, list, values, nothing) => chart(parent, {
      ...overTime, title, about, nothing, height: 180, rangeY: fromZero,
      lines: list.map((queue, index) => ({ label: queue.queue, values: values(queue), ...style(index) })),
    });
    depth("Backlog", "messages waiting, worst of each bucket", live, (queue) => queue.waiting, "No queue was sampled.");
    depth("In flight", "messages taken and not yet deleted", live, (queue) => queue.in_flight, "No queue was sampled.");
    depth("Dead letters", "waiting and in flight", dead, total, "No dead-letter queue was sampled.");
    chart(parent, {
      ...overTime, title: "Unfinished business", about: "at the end of each bucket; samples: the worst", height: 180, rangeY: fromZero,
      lines: [
        { label: "attempts unanswered", values: series.unanswered, ...style(0) },
        { label: "outbox rows", values: series.outbox, ...style(3) },
        { label: "productions open", values: series.open_productions, ...style(4) },
      ],
    });
    chart(parent, {
      ...overTime, title: "Lateness of the generator", about: "p99, the harness's own", height: 180, format: time, wide: series.stock.length % 2 === 0 || series.stock.length === 1,
      rangeY: (u, min, max) => [0, Math.max(1000, max * 1.08)], nothing: "It was not measured.",
      lines: [{ label: "late p99", values: series.lateness_p99, stroke: "ink-line", spanGaps: true }],
    });
  }

  // A leak is a line that climbs; below a few weighings there is no line.
  function weights(parent) {
    const processes = series.weights || [];
    const weighed = processes.length ? processes[0].memory.filter((value) => value != null).length : 0;
    if (weighed < 3) return;
    const quantity = (title, about, key, scale) => chart(parent, {
      ...overTime, title, about, height: 180, rangeY: fromZero,
      lines: processes.filter((process) => process[key].some((value) => value != null))
        .map((process, index) => ({ label: process.process, values: process[key].map((value) => (value == null ? null : value / scale)), ...style(index) })),
    });
    quantity("Memory", "resident, MiB", "memory", 1048576);
    quantity("File handles", "sockets among them", "files", 1);
    quantity("Tasks", "alive, where a process tells", "tasks", 1);
    const database = (series.database || []).map((bytes) => (bytes == null ? null : bytes / 1048576));
    chart(parent, {
      ...overTime, title: "Threads and database", about: "threads of all processes; the file, MiB", height: 180, rangeY: fromZero,
      lines: [
        { label: "threads", values: x.map((_, at) => processes.reduce((sum, process) => (process.threads[at] == null ? sum : (sum || 0) + process.threads[at]), null)), ...style(0) },
        ...(database.length ? [{ label: "database", values: database, ...style(1) }] : []),
      ],
    });
  }

  // The worst value has no 1/(1-q); it stands where one in all the values would.
  function percentiles(parent) {
    const curves = [
      ["all purchases", "ink-line", [], latency.purchases_curve, latency.purchases_intended.count],
      ["service time", "muted", [2, 3], latency.purchases_service_curve, latency.purchases_service.count],
      ...latency.classes.map((entry) => [entry.class.replace("_", " "), CLASS_KEYS[entry.class], CLASS_DASH[entry.class], entry.curve, entry.intended.count]),
    ];
    const place = (point, count) => (point.quantile < 1 ? Math.min(1 / (1 - point.quantile), Math.max(count, 1)) : Math.max(count, 1));
    const tables = curves.map(([, , , curve, count]) => new Map(curve.map((point) => [place(point, count), Math.max(1, point.us)])));
    const places = Array.from(new Set(tables.flatMap((table) => Array.from(table.keys())))).sort((a, b) => a - b);
    const share = (value) => (value <= 1 ? "0 %" : Number((100 * (1 - 1 / value)).toFixed(Math.max(0, Math.ceil(Math.log10(value)) - 2) + (value < 10 ? 1 : 0))) + " %");
    const decades = [1, 2, 4, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
    const last = places.length ? places[places.length - 1] : 10;
    chart(parent, {
      x: places, title: "Percentile curve", about: "from the intended start, both axes logarithmic", height: 270, logX: true, logY: true, format: time, formatX: share, labelX: "percentile",
      rangeX: () => [1, Math.max(10, last)], rangeY: logRange, splitsX: () => decades.filter((decade) => decade <= last * 1.01),
      lines: curves.map(([label, stroke, dash, , ], index) => ({
        label, stroke, dash, values: places.map((at) => (tables[index].has(at) ? tables[index].get(at) : null)), spanGaps: true, width: index === 0 ? 2.25 : 1.5,
      })),
    });
  }

  function draw() {
    const charts = document.getElementById("charts"), curve = document.getElementById("percentiles");
    charts.replaceChildren();
    curve.replaceChildren();
    timeCharts.length = 0;
    answers(charts);
    latencyOverTime(charts);
    faults(charts);
    for (const product of series.stock) stock(charts, product);
    queues(charts);
    weights(charts);
    percentiles(curve);
    document.documentElement.dataset.charts = String(document.querySelectorAll(".uplot canvas").length);
  }

  const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    draw();
  });
  dark.addEventListener("change", draw);
  document.getElementById("reset-zoom").addEventListener("click", resetZoom);
  for (const button of document.querySelectorAll(".on-charts")) {
    button.addEventListener("click", () => {
      showMoments(overTime.marks, button.dataset.moments.split(" ").map(Number));
      const title = document.getElementById("time-title");
      title.tabIndex = -1;
      title.focus({ preventScroll: true });
      title.scrollIntoView();
    });
  }
  // Paper is white whatever the screen was; everything folded is opened.
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    root.classList.add("printing");
    for (const folded of document.querySelectorAll("main details")) folded.open = true;
    draw();
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    root.classList.remove("printing");
    draw();
  });
  draw();
  // How much wider than the window the page is: long texts must not push anything out of sight, and a test asks for it here.
  root.dataset.overhang = String(Math.max(0, root.scrollWidth - root.clientWidth));
  root.dataset.ready = "true";
})();
