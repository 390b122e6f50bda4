"use strict";
// Charts of a run, on uPlot. This file comes first on the page, so that it also sees what goes wrong in the files after it:
// errors are counted on the root element, where a test (or a person) finds them.
const pageErrors = [];
function noteError(text) {
  pageErrors.push(String(text));
  document.documentElement.dataset.errors = pageErrors.join(" | ");
}
addEventListener("error", (event) => noteError(event.message));
addEventListener("unhandledrejection", (event) => noteError(event.reason));
document.addEventListener("securitypolicyviolation", (event) => noteError("policy: " + event.violatedDirective + " " + event.blockedURI));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

const SECONDS_BETWEEN_TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

// What the target or a scenario named may be long or turn the direction of writing; a legend bears neither.
function shortened(text, most = 36) {
  const clean = Array.from(String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " "));
  return clean.length > most ? clean.slice(0, most - 1).join("") + "…" : clean.join("");
}

function clock(seconds) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60);
  if (minutes >= 60) return Math.floor(minutes / 60) + ":" + String(minutes % 60).padStart(2, "0") + ":" + String(whole % 60).padStart(2, "0");
  return minutes + ":" + String(whole % 60).padStart(2, "0");
}

function time(us) {
  if (us == null) return "–";
  const [value, unit] = us < 1e3 ? [us, "µs"] : us < 1e6 ? [us / 1e3, "ms"] : us < 12e7 ? [us / 1e6, "s"] : [us / 6e7, "min"];
  return Number(value.toPrecision(3)) + " " + unit;
}

function number(value) {
  if (value == null) return "–";
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

// Stages and phases are shaded, faults coloured and ticked, unasked deaths marked; only the first charts carry the names of stages.
function marksPlugin(marks, named) {
  function spans(u, list, paint) {
    for (const span of list) {
      const from = Math.max(u.valToPos(span.from, "x", true), u.bbox.left);
      const to = Math.min(u.valToPos(span.to, "x", true), u.bbox.left + u.bbox.width);
      if (to > from) paint(span, from, to - from);
    }
  }
  return { hooks: { drawClear: (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1;
    ctx.save();
    spans(u, marks.shaded, (span, from, width) => {
      ctx.fillStyle = colour("shade");
      ctx.fillRect(from, bbox.top, width, bbox.height);
    });
    ctx.fillStyle = colour("fault");
    spans(u, marks.bands, (band, from, width) => {
      ctx.globalAlpha = 0.45 + 0.55 * band.depth;
      ctx.fillRect(from, bbox.top, width, bbox.height);
    });
    ctx.globalAlpha = 1;
    for (const tick of marks.ticks) {
      const x = Math.round(u.valToPos(tick.at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.fillStyle = colour(tick.colour);
      ctx.fillRect(x - ratio, bbox.top + 4 * tick.lane * ratio, 2 * ratio, 4 * ratio);
    }
    for (const line of marks.lines) {
      const x = Math.round(u.valToPos(line.at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colour(line.colour);
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
    }
    ctx.setLineDash([]);
    // The path of a violation that somebody asked to see.
    ctx.fillStyle = colour("c4");
    for (const at of marks.path || []) {
      const x = Math.round(u.valToPos(at, "x", true));
      if (x >= bbox.left && x <= bbox.left + bbox.width) ctx.fillRect(x - ratio / 2, bbox.top, ratio, bbox.height);
    }
    if (named) {
      ctx.font = FONT.replace("12px", 11 * ratio + "px");
      ctx.textAlign = "left";
      ctx.textBaseline = "bottom";
      ctx.fillStyle = colour("muted");
      spans(u, marks.names, (span, from, width) => {
        const room = Math.floor(width / (6.5 * ratio));
        const text = room > 1 ? shortened(span.name, room) : "";
        if (text.length > 1) ctx.fillText(text, from + 3 * ratio, bbox.top - 2 * ratio);
      });
    }
    ctx.restore();
  } } };
}

// Faults as bars, one line each: pale while wanted, full while in effect. Drawn behind a chart whose y axis counts the lines.
function barsPlugin(bars, rows) {
  return { hooks: { drawClear: (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1, height = bbox.height / rows;
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    ctx.font = FONT.replace("12px", Math.min(11, Math.max(7, height / ratio - 3)) * ratio + "px");
    ctx.textBaseline = "middle";
    for (const bar of bars) {
      const at = (value) => u.valToPos(value, "x", true);
      const top = bbox.top + bar.row * height, from = at(bar.from), to = Math.max(at(bar.to), from + 2 * ratio);
      ctx.fillStyle = colour("failed");
      ctx.globalAlpha = 0.25;
      ctx.fillRect(from, top + ratio, to - from, height - 2 * ratio);
      if (bar.effective != null) {
        ctx.globalAlpha = 0.55;
        ctx.fillRect(at(bar.effective), top + ratio, to - at(bar.effective), height - 2 * ratio);
      }
      ctx.globalAlpha = 1;
      if (bar.name && height >= 9 * ratio) {
        const text = shortened(bar.name, 60), wide = ctx.measureText(text).width + 6 * ratio;
        const right = bbox.left + bbox.width, room = from + wide <= right;
        ctx.textAlign = room ? "left" : "right";
        ctx.fillStyle = colour("ink");
        ctx.fillText(text, room ? Math.max(from, bbox.left) + 4 * ratio : right - 4 * ratio, top + height / 2);
      }
    }
    ctx.restore();
  } } };
}

// All charts over time share their cursor and their zoom.
const timeCharts = [];
let zooming = false;
function shareZoom(u, key) {
  if (key !== "x" || zooming) return;
  zooming = true;
  const { min, max } = u.scales.x;
  for (const other of timeCharts) if (other !== u) other.setScale("x", { min, max });
  zooming = false;
  const full = u.data[0];
  document.getElementById("reset-zoom").disabled = !(full.length > 1 && (min > full[0] || max < full[full.length - 1]));
}

function resetZoom() {
  const first = timeCharts[0];
  if (first) first.setScale("x", { min: first.data[0][0], max: first.data[0][first.data[0].length - 1] });
}

// Zooms all charts to some moments, with some room around them, and marks them.
function showMoments(marks, moments) {
  const first = timeCharts[0];
  if (!first || moments.length === 0) return;
  const xs = first.data[0], low = xs[0], high = xs[xs.length - 1], bucket = xs.length > 1 ? xs[1] - xs[0] : 1;
  marks.path = moments;
  const [from, to] = [Math.min(...moments), Math.max(...moments)], room = Math.max(3 * bucket, (to - from) * 0.15);
  first.setScale("x", { min: Math.max(low, Math.min(from - room, high - bucket)), max: Math.min(high, Math.max(to + room, low + bucket)) });
  for (const u of timeCharts) u.redraw(false);
}

// Arrows move the cursor, + and - zoom around it, 0 shows the whole run.
function keyboard(u, shared) {
  return (event) => {
    const xs = u.data[0], { min, max } = u.scales.x;
    const index = u.cursor.idx == null ? u.valToIdx((min + max) / 2) : u.cursor.idx;
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const next = Math.min(xs.length - 1, Math.max(0, index + (event.key === "ArrowRight" ? step : -step)));
      u.setCursor({ left: u.valToPos(xs[next], "x"), top: u.over.clientHeight / 2 }, true, true);
    } else if (shared && (event.key === "+" || event.key === "=" || event.key === "-")) {
      const centre = xs[index], factor = event.key === "-" ? 2 : 0.5;
      const low = Math.max(xs[0], centre - (centre - min) * factor), high = Math.min(xs[xs.length - 1], centre + (max - centre) * factor);
      if (high > low) u.setScale("x", { min: low, max: high });
    } else if (shared && event.key === "0") {
      resetZoom();
    } else {
      return;
    }
    event.preventDefault();
  };
}

// Legend entries switch their line on and off; with the keyboard too.
function accessibleLegend(root) {
  for (const entry of root.querySelectorAll(".u-legend .u-series th")) {
    if (!entry.closest("tr").matches(":first-child")) {
      entry.tabIndex = 0;
      entry.setAttribute("role", "button");
      entry.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); entry.click(); }
      });
    }
  }
}

function figure(parent, { title, about, wide }) {
  const element = document.createElement("figure");
  element.className = wide ? "chart wide" : "chart";
  const caption = document.createElement("figcaption");
  caption.textContent = shortened(title, 90);
  if (about) {
    const note = document.createElement("span");
    note.className = "muted";
    note.textContent = about;
    caption.append(" ", note);
  }
  element.append(caption);
  parent.append(element);
  return element;
}

// Draws one chart. `lines`: [{ label, values, shown?, stroke, dash?, fill?, width? }], `shown` being what the legend says of a value.
function chart(parent, options) {
  const element = figure(parent, options);
  const lines = options.lines.filter((line) => line.values.some((value) => value != null));
  if (lines.length === 0 || options.x.length === 0) {
    const note = document.createElement("p");
    note.className = "nothing";
    note.textContent = options.nothing || "Nothing was seen.";
    element.append(note);
    return;
  }
  const format = options.format || number;
  const axis = { stroke: () => colour("muted"), font: FONT, grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false } };
  const box = document.createElement("div");
  element.append(box);
  const width = () => Math.max(200, box.clientWidth);
  const u = new uPlot({
    width: width(), height: options.height || 190, ms: 1,
    padding: [options.named ? 18 : 8, 14, 0, 0],
    cursor: {
      sync: options.shared ? { key: "run", setSeries: false } : undefined,
      drag: { x: Boolean(options.shared), y: false, setScale: Boolean(options.shared) },
      points: { size: 6 }, y: false,
    },
    scales: {
      x: { time: false, distr: options.logX ? 3 : 1, range: options.rangeX },
      y: { distr: options.logY ? 3 : 1, range: options.rangeY },
    },
    axes: [
      { ...axis, size: 30, space: 60, values: (self, ticks) => ticks.map(options.formatX || clock), splits: options.splitsX, incrs: options.logX ? undefined : SECONDS_BETWEEN_TICKS, filter: options.logX ? (self, ticks) => ticks : undefined },
      { ...axis, size: 64, space: 28, grid: { ...axis.grid, show: !options.noAxisY }, values: (self, ticks) => ticks.map((tick) => (tick == null || options.noAxisY ? "" : format(tick))) },
    ],
    series: [
      { label: options.labelX || "at", value: (self, value) => (value == null ? "–" : (options.formatX || clock)(value)) },
      ...lines.map((line) => ({
        label: shortened(line.label), stroke: () => colour(line.stroke), width: line.width == null ? 1.75 : line.width, dash: line.dash,
        fill: line.fill ? () => colour(line.stroke) + "55" : undefined, paths: line.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: { show: line.points || false, size: 4 }, spanGaps: line.spanGaps || false, show: line.hidden !== true,
        value: (self, value, series, index) => (index == null ? "–" : format((line.shown || line.values)[index])),
      })),
    ],
    bands: options.bands ? options.bands(lines) : undefined,
    plugins: [...(options.marks ? [marksPlugin(options.marks, options.named)] : []), ...(options.plugins || [])],
    hooks: { setScale: options.shared ? [shareZoom] : [] },
  }, [options.x, ...lines.map((line) => line.values)], box);
  if (options.shared) timeCharts.push(u);
  box.tabIndex = 0;
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", options.title + ": " + lines.map((line) => shortened(line.label)).join(", ") + ". Arrow keys move the cursor.");
  box.addEventListener("keydown", keyboard(u, options.shared));
  accessibleLegend(box);
  new ResizeObserver(() => { if (Math.abs(u.width - width()) > 1) u.setSize({ width: width(), height: u.height }); }).observe(box);
  return u;
}
