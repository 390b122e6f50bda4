// A run while it is under way: what the harness pushes, shown.
import { addWords, element, follow, language, number, onLanguage, t, text, translate } from "./page.js";
import { drawPicture } from "./picture.js";

addWords({
  en: {
    skip: "Skip to the verdict", progress: "Progress of the load", pipeline: "The pipeline", numbers: "Numbers", curves: "The last minutes", marks: "Faults and processes",
    evidence: "What a pass needs, as seen so far", properties: "Properties", properties_about: "They are judged from the history when everything is at rest.", report: "The report",
    seed: "seed {0}", phase_plan: "Plan", phase_boot: "Starting the pipeline", phase_load: "Load", phase_drain: "Draining", phase_verify: "Reading what remains", phase_over: "Over",
    of: "{0} of {1} s", since: "{0} s", open_pass: "Nothing against it yet", open_unknown: "No PASS any more", open_fail: "Will be FAIL", verdict_pass: "PASS", verdict_fail: "FAIL", verdict_unknown: "UNKNOWN",
    means_open: "The verdict is made when the run is over.", means_pass: "Every property that could be judged holds, and the run had the evidence to show it.",
    means_fail: "At least one property is violated.", means_unknown: "Nothing is proved violated, but something that a pass needs is missing.",
    stock_below_zero: "The stock of {0} was seen at {1}: more was sold than was there.", ended_unasked: "The process {0} ended unasked.", fell_short: "The harness itself ran short in {0}: {1}.", not_healed: "The fault {0} could not be proved to be gone.",
    need_sold: "sold, at least {0}", need_sold_out: "refused for lack of stock, at least {0}", need_browsed: "product pages, at least {0}", need_restocks: "restocks, at least {0}",
    need_unknown: "attempts without an answer, at least {0}", need_on_time: "the generator is on time, within {0} ms", need_fault: "fault {0}", count: "{0}", late_now: "{0} ms in the last second",
    fault_waits: "not yet", fault_requested: "in force, no effect seen yet", fault_effective: "in effect, struck {0} times", fault_healed: "healed, struck {0} times", fault_unhealed: "not proved to be gone",
    rate: "Attempts per second", planned: "{0} planned", tile_sold: "Sold", tile_sold_out: "Sold out", tile_failed: "Failed", tile_unknown: "Unknown", tile_p50: "Median latency", tile_p99: "p99 {0}",
    tile_late: "Generator late", tile_late_about: "p99 of the last second", answers: "answers so far", curve_rate: "Arrivals and answers per second", curve_latency: "Latency, ms", curve_stock: "Stock", curve_backlog: "Messages",
    sold: "sold", sold_out: "sold out", browsed: "browsed", failed: "failed", unknown: "unknown", sent: "sent", planned_line: "planned", waiting_line: "waiting", in_flight_line: "in flight", dead_line: "dead letters", stock_line: "pieces",
    state_requested: "in force", state_effective: "took effect", state_fired: "struck", state_healed: "healed", state_unhealed: "not proved gone", state_started: "started", state_ready: "ready", state_exited: "ended", state_short: "ran short",
    unasked: "unasked", none_yet: "Nothing yet.", at: "at", judged_holds: "holds", judged_violated: "violated", judged_undecided: "undecided", judged_not_judged: "not judged", gone: "The run has ended; what you see is its last state.",
  },
  ko: {
    skip: "판정으로 건너뛰기", progress: "부하 진행률", pipeline: "파이프라인", numbers: "수치", curves: "최근 몇 분", marks: "장애와 프로세스",
    evidence: "합격에 필요한 증거 (지금까지)", properties: "속성", properties_about: "모든 것이 멈춘 뒤 기록으로 판정합니다.", report: "보고서",
    seed: "시드 {0}", phase_plan: "계획", phase_boot: "파이프라인 시작", phase_load: "부하", phase_drain: "배수", phase_verify: "최종 상태 읽기", phase_over: "종료",
    of: "{1}초 중 {0}초", since: "{0}초", open_pass: "아직 문제 없음", open_unknown: "합격 불가", open_fail: "불합격 예정", verdict_pass: "PASS 합격", verdict_fail: "FAIL 불합격", verdict_unknown: "UNKNOWN 미정",
    means_open: "판정은 실행이 끝난 뒤에 내려집니다.", means_pass: "판정할 수 있는 모든 속성이 성립하며, 이를 보일 증거가 있습니다.",
    means_fail: "하나 이상의 속성이 위반되었습니다.", means_unknown: "위반이 증명되지는 않았지만, 합격에 필요한 것이 빠져 있습니다.",
    stock_below_zero: "{0}의 재고가 {1}로 관측되었습니다: 있는 것보다 많이 팔렸습니다.", ended_unasked: "프로세스 {0}이(가) 예고 없이 종료되었습니다.", fell_short: "측정 도구 자체의 자원이 부족했습니다({0}): {1}.", not_healed: "장애 {0}이(가) 사라졌음을 증명하지 못했습니다.",
    need_sold: "판매 {0}건 이상", need_sold_out: "재고 부족 거절 {0}건 이상", need_browsed: "상품 조회 {0}건 이상", need_restocks: "입고 {0}건 이상",
    need_unknown: "답 없는 시도 {0}건 이상", need_on_time: "부하 생성기 지연 {0} ms 이내", need_fault: "장애 {0}", count: "{0}", late_now: "최근 1초 {0} ms",
    fault_waits: "아직", fault_requested: "적용 중, 효과는 아직", fault_effective: "효과 확인, {0}회 발생", fault_healed: "복구됨, {0}회 발생", fault_unhealed: "사라졌음을 증명하지 못함",
    rate: "초당 시도", planned: "계획 {0}", tile_sold: "판매", tile_sold_out: "품절", tile_failed: "실패", tile_unknown: "불명", tile_p50: "지연 중앙값", tile_p99: "p99 {0}",
    tile_late: "생성기 지연", tile_late_about: "최근 1초의 p99", answers: "지금까지의 응답", curve_rate: "초당 도착과 응답", curve_latency: "지연, ms", curve_stock: "재고", curve_backlog: "메시지",
    sold: "판매", sold_out: "품절", browsed: "조회", failed: "실패", unknown: "불명", sent: "전송", planned_line: "계획", waiting_line: "대기", in_flight_line: "처리 중", dead_line: "데드 레터", stock_line: "개",
    state_requested: "적용", state_effective: "효과 확인", state_fired: "발생", state_healed: "복구됨", state_unhealed: "증명 못 함", state_started: "시작", state_ready: "준비", state_exited: "종료", state_short: "자원 부족",
    unasked: "예고 없음", none_yet: "아직 없습니다.", at: "시각", judged_holds: "성립", judged_violated: "위반", judged_undecided: "미결정", judged_not_judged: "판정 안 함", gone: "실행이 끝났습니다. 마지막 상태를 보고 있습니다.",
  },
});

// What the properties are called and demand; in English the run itself says it.
addWords({ en: {}, ko: Object.fromEntries([
  ["no lost order", "잃어버린 주문 없음", "판매되었다고 답한 모든 주문이 같은 상품과 수량으로 원장에 있습니다."],
  ["no phantom sale", "유령 판매 없음", "거절되었거나, 시도된 적이 없거나, 두 번 적힌 판매가 원장에 없습니다."],
  ["conservation", "수량 보존", "처음 재고에 반영된 입고를 더하고 판매를 빼면 마지막 재고와 정확히 같습니다."],
  ["no overselling", "초과 판매 없음", "어느 순간에도 있을 수 있었던 것보다 많이 팔리지 않았고, 재고가 0 아래로 보인 적이 없습니다."],
  ["no wrong refusal", "잘못된 거절 없음", "요청하는 동안 내내 재고가 충분했던 것이 확실한데 '품절'이라고 답한 적이 없습니다."],
  ["every promise kept", "모든 약속 이행", "'생산 요청'이라는 모든 답이 그 수량을 채우는 입고로 이어졌거나, 데드 레터 큐에 있습니다."],
  ["DLQ capture", "DLQ 보관", "발행된 모든 메시지는 처리되었거나 데드 레터 큐에 보관되었고, 남은 것이 없으며, 처리할 수 없는 것만 보관되어 있습니다."],
  ["one effect", "한 번의 효과", "입고, 생산, 콜백은 몇 번 전달되더라도 많아야 한 번만 효과를 냈습니다."],
  ["factory not overrun", "공장 과부하 없음", "공장이 견딜 수 있는 것보다 많은 주문이나 동시 호출이 없었고, 모자란 양에 한 배치를 더한 것보다 많이 만들지 않았습니다."],
  ["ads stopped", "광고 중지", "품절될 때마다 상품 이름을 적은 이메일이 한 통 이상 갔고, 쏟아지지는 않았습니다."],
  ["operations informed", "운영팀 통지", "모든 판매와 모든 거절이 운영팀에 전달되었습니다."],
  ["recovers in time", "제때 회복", "마지막 장애가 사라진 뒤 처리량이 돌아오고, 모든 것이 시나리오의 한도 안에 비워졌습니다."],
].flatMap(([name, called, demands]) => [["called " + name, called], ["demands " + name, demands]])) });

const byId = (id) => document.getElementById(id);
const root = document.documentElement;
const picture = drawPicture(byId("picture"));
const CLASSES = ["sold", "sold_out", "browsed", "failed", "unknown"];
const SIGNS = { pass: "✓", fail: "✗", unknown: "?" };
let latest = null, course = [];

const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
const ms = (us) => (us == null ? null : us / 1000);
const time = (us) => (us == null ? "–" : us < 1000 ? number(us) + " µs" : us < 1e6 ? number(us / 1000) + " ms" : number(us / 1e6) + " s");
const clock = (seconds) => Math.floor(seconds / 60) + ":" + String(Math.floor(seconds % 60)).padStart(2, "0");

// What the curves show: title, lines as [word, colour, value, dash].
const CURVES = [
  ["curve_rate", [...CLASSES.map((name, index) => [name, name.replace("_", "-"), (point) => point.answers[index]]), ["sent", "ink", (point) => point.sent], ["planned_line", "muted", (point) => point.planned, [5, 4]]]],
  ["curve_latency", [["p50", "flow", (point) => ms(point.p50)], ["p99", "ink", (point) => ms(point.p99)]]],
  ["curve_stock", [["stock_line", "sold", (point) => point.stock]]],
  ["curve_backlog", [["waiting_line", "flow", (point) => point.waiting], ["in_flight_line", "browsed", (point) => point.in_flight, [7, 3]], ["dead_line", "failed", (point) => point.dead]]],
];
let curves = [];

// Seconds in which a fault was in force are shaded.
const shaded = { hooks: { drawClear: (u) => {
  u.ctx.save();
  u.ctx.fillStyle = colour("fail");
  u.ctx.globalAlpha = 0.1;
  for (let index = 1; index < course.length; index += 1) {
    if (!course[index].faults) continue;
    const from = Math.max(u.bbox.left, u.valToPos(course[index - 1].at, "x", true)), to = Math.min(u.bbox.left + u.bbox.width, u.valToPos(course[index].at, "x", true));
    if (to > from) u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
  }
  u.ctx.restore();
} } };

const data = (lines) => [course.map((point) => point.at), ...lines.map(([, , value]) => course.map((point) => value(point) ?? null))];

function drawCurves() {
  byId("curves").replaceChildren();
  curves = CURVES.map(([title, lines]) => {
    const box = element("div", { role: "img", "aria-label": t(title) }), axis = { stroke: () => colour("muted"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false } };
    byId("curves").append(element("figure", { class: "card" }, element("h3", {}, t(title)), box));
    const width = () => Math.max(220, box.clientWidth);
    const u = new uPlot({
      width: width(), height: 170, padding: [8, 12, 0, 0], cursor: { sync: { key: "live" }, y: false, drag: { x: false, y: false } },
      scales: { x: { time: false }, y: { range: (self, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 1) * 1.08)] } },
      axes: [{ ...axis, size: 28, values: (self, ticks) => ticks.map(clock) }, { ...axis, size: 56, values: (self, ticks) => ticks.map((tick) => number(tick)) }],
      series: [{ label: t("at"), value: (self, value) => (value == null ? "–" : clock(value)) }, ...lines.map(([word, stroke, , dash]) => ({ label: t(word), stroke: () => colour(stroke), width: 1.75, dash, points: { show: false }, value: (self, value) => number(value) }))],
      plugins: [shaded],
    }, data(lines), box);
    new ResizeObserver(() => { if (Math.abs(u.width - width()) > 1) u.setSize({ width: width(), height: 170 }); }).observe(box);
    return { u, lines };
  });
}

function addPoint(point) {
  if (course.length && course[course.length - 1].at >= point.at) return;
  // Between two points of the server's is a second; states come more often.
  if (course.length && point.at - course[course.length - 1].at < 0.9) return;
  course.push(point);
  if (course.length > 1200) course.shift();
  for (const { u, lines } of curves) u.setData(data(lines));
}

function tile(name, value, detail) {
  return element("div", { class: "card tile" }, element("p", { class: "name" }, name), element("p", { class: "value" }, value), element("p", { class: "detail" }, detail));
}

function tiles({ point, answers, late_us }) {
  byId("tiles").replaceChildren(
    tile(t("rate"), number(point.sent), t("planned", number(point.planned))),
    ...["sold", "sold_out", "failed", "unknown"].map((name) => tile(t("tile_" + name), number(answers[CLASSES.indexOf(name)]), t("answers"))),
    tile(t("tile_p50"), time(point.p50), t("tile_p99", time(point.p99))),
    tile(t("tile_late"), time(late_us), t("tile_late_about")),
  );
}

const say = ({ key, values }) => t(key, ...values);

function outlook(state) {
  const verdict = state.over ? state.verdict : state.outlook.best, box = byId("outlook");
  box.className = "outlook " + (state.over || verdict !== "pass" ? verdict : "") + (state.over ? " over" : "");
  text(byId("sign"), state.over || verdict !== "pass" ? SIGNS[verdict] : "…");
  text(byId("outlook-title"), t((state.over ? "verdict_" : "open_") + verdict));
  text(byId("means"), t(state.over ? "means_" + verdict : "means_open"));
  const lines = state.over ? state.reasons : state.outlook.against.map(say);
  if (byId("against").dataset.said !== lines.join("\n")) {
    byId("against").dataset.said = lines.join("\n");
    byId("against").replaceChildren(...lines.map((line) => element("li", {}, line)));
  }
  byId("report").hidden = !state.over;
}

function evidence(pieces) {
  byId("evidence").replaceChildren(...pieces.map((piece) => element("tr", { class: piece.enough ? "enough" : "missing" },
    element("td", { class: "sign" }, piece.enough ? "✓" : "…"), element("th", { scope: "row" }, say(piece.what)), element("td", {}, say(piece.seen)))));
}

function marks({ marks: list, marks_total: total }) {
  text(byId("marks-total"), total ? number(total) : "");
  const rows = list.map((mark) => element("tr", { class: mark.unasked ? "bad" : null }, element("td", { class: "n" }, clock(mark.at / 1e6)), element("th", { scope: "row" }, mark.name),
    element("td", {}, t("state_" + mark.state) + (mark.unasked && mark.process ? " (" + t("unasked") + ")" : "")), element("td", { class: "muted" }, [mark.hop, mark.note].filter(Boolean).join(" · "))));
  byId("marks").replaceChildren(...(rows.length ? rows : [element("tr", {}, element("td", { class: "muted" }, t("none_yet")))]));
}

const said = (key, otherwise) => { const word = t(key); return word === key ? otherwise : word; };
const JUDGED = { holds: "✓", violated: "✗", undecided: "?", not_judged: "–" };
function properties({ properties: rows }) {
  byId("properties").replaceChildren(...rows.map((row) => {
    const kind = row.judgement || "open";
    return element("li", { class: "card " + kind.replace("_", "-") }, element("h3", {}, element("span", { class: "sign", "aria-hidden": "true" }, JUDGED[kind] || "·"), " " + said("called " + row.name, row.name) + (row.judgement ? " – " + t("judged_" + kind) : "")),
      element("p", {}, row.witness || said("demands " + row.name, row.statement)));
  }));
}

function show() {
  if (!latest) return;
  const state = latest;
  document.title = (state.over ? SIGNS[state.verdict] + " " : "") + state.run.scenario + " · rushproof live";
  text(byId("scenario"), state.run.scenario + " · " + t("seed", state.run.seed));
  text(byId("about"), state.run.about);
  text(byId("phase"), t("phase_" + (state.over ? "over" : state.phase)));
  const loading = state.phase === "load" && !state.over;
  text(byId("detail"), state.over ? "" : [loading ? t("of", number(Math.round(state.in_phase)), number(Math.round(state.load))) : t("since", number(Math.round(state.in_phase))), state.detail].filter(Boolean).join(" · "));
  byId("progress").value = loading ? Math.min(1, state.in_phase / Math.max(state.load, 0.001)) : state.over || state.phase === "drain" || state.phase === "verify" ? 1 : 0;
  outlook(state);
  picture.update(state.picture);
  tiles(state);
  evidence(state.outlook.evidence);
  marks(state);
  properties(state);
}

async function past() {
  const answer = await fetch("/course");
  if (answer.ok) course = await answer.json();
  drawCurves();
}

await past();
follow("/events", {
  state: (state) => {
    text(byId("connection"), "");
    latest = state;
    addPoint(state.point);
    show();
    root.dataset.over = String(state.over);
    root.dataset.ready = "true";
  },
  lost: (closed) => text(byId("connection"), closed || (latest && latest.over) ? t("gone") : t("lost")),
});
let drawnIn = language;
onLanguage(() => { if (latest || language !== drawnIn) { drawnIn = language; drawCurves(); } show(); });
translate();
