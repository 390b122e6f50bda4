// The pipeline as a picture: stages, queues and dead letters as boxes, what flows as moving dashes, strikes of faults in red.
// Beside it the same as a table, for whoever does not see pictures.
import { addWords, element, language, number, onLanguage, t, text } from "./page.js";

addWords({
  en: {
    buyers: "Buyers", sales: "Sales", outbox: "Outbox", stage_replenish: "Replenish", stage_advertising: "Advertising",
    stage_operations: "Operations", stage_receiving: "Receiving", factory: "Factory", mail: "E-mail", stock: "Stock", topic: "topic",
    waiting: "{0} waiting", in_flight: "{0} in flight", dead: "DLQ {0}", open: "{0} open", unpublished: "{0} to publish", per_second: "{0}/s",
    picture: "The pipeline: {0} pieces in stock, {1} messages waiting, {2} in flight, {3} dead letters, {4} productions open.",
    as_table: "The picture as a table", queue: "Queue", column_stage: "Worked on by", column_waiting: "Waiting", column_in_flight: "In flight",
    column_dead: "Dead letters", column_rate: "Taken per second",
  },
  ko: {
    buyers: "구매자", sales: "판매", outbox: "아웃박스", stage_replenish: "재고 보충", stage_advertising: "광고", stage_operations: "운영",
    stage_receiving: "입고", factory: "공장", mail: "이메일", stock: "재고", topic: "토픽",
    waiting: "대기 {0}", in_flight: "처리 중 {0}", dead: "DLQ {0}", open: "생산 중 {0}", unpublished: "발행 대기 {0}", per_second: "{0}/초",
    picture: "파이프라인: 재고 {0}개, 대기 메시지 {1}건, 처리 중 {2}건, 데드 레터 {3}건, 생산 중 {4}건.",
    as_table: "그림을 표로 보기", queue: "대기열", column_stage: "처리 단계", column_waiting: "대기", column_in_flight: "처리 중",
    column_dead: "데드 레터", column_rate: "초당 처리",
  },
});

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 58, ROW = 92, TOP = 34, STRIKE_SHOWN_MS = 1600;
const X = { buyers: 8, sales: 150, outbox: 318, topic: 470, queue: 628, stage: 842, end: 1004 };
const WIDE = { buyers: 96, sales: 116, outbox: 104, topic: 124, queue: 160, stage: 124, end: 108 };

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const short = (name, most) => (name.length > most ? name.slice(0, most - 1) + "…" : name);
// Somebody else's stage is called what it is called.
const stageName = (stage) => { const word = t("stage_" + stage); return word === "stage_" + stage ? stage : word; };
const sum = (list, of) => list.reduce((total, each) => total + of(each), 0);

export function drawPicture(parent) {
  const figure = element("div", { class: "picture", tabindex: "0", role: "region", "aria-labelledby": "picture-title" });
  const table = element("table", { class: "numbers" });
  const details = element("details", {}, element("summary", { "data-t": "as_table" }), table);
  parent.append(figure, details);
  let shape = "", parts = null, last = null;

  function node(group, key, x, y, wide, title, kind = "stage") {
    const name = svg("text", { x: x + wide / 2, y: y + 21, class: "title" });
    name.textContent = short(title, Math.floor(wide / 7.6));
    const lines = [38, 51].map((down) => svg("text", { x: x + wide / 2, y: y + down, class: "value" }));
    const box = svg("g", { class: "node " + kind, "data-node": key }, svg("rect", { x, y, width: wide, height: HEIGHT, rx: 9 }), name, ...lines);
    const full = svg("title", {});
    full.textContent = title;
    box.append(full);
    group.append(box);
    return { box, lines };
  }

  function edge(group, key, points, label) {
    const d = points.map(([x, y], index) => (index ? "L" : "M") + x + " " + y).join("");
    const words = svg("text", { x: label[0], y: label[1], class: "rate" });
    const made = svg("g", { class: "edge", "data-edge": key }, svg("path", { d, class: "line", "marker-end": "url(#arrow)" }), svg("path", { d, class: "flow" }), words);
    group.append(made);
    return { group: made, words, until: 0 };
  }

  // Boxes stand where they are as long as the queues are the same.
  function lay(picture) {
    const forward = picture.lanes.filter((lane) => lane.stage !== "receiving"), back = picture.lanes.find((lane) => lane.stage === "receiving");
    const rows = Math.max(1, forward.length), bottom = TOP + rows * ROW + 14, height = bottom + HEIGHT + 26, middle = TOP + ((rows - 1) * ROW) / 2;
    const edges = {}, nodes = {}, lines = svg("g", {}), boxes = svg("g", {});
    const right = (name) => X[name] + WIDE[name], centre = (y) => y + HEIGHT / 2;
    const place = (key, column, y, title, kind) => { nodes[key] = node(boxes, key, X[column], y, WIDE[column], title, kind); };
    const straight = (key, from, to, y, y2 = y) =>
      (edges[key] = edge(lines, key, [[right(from), centre(y)], [X[to] - 3, centre(y2)]], [(right(from) + X[to]) / 2, (centre(y) + centre(y2)) / 2 - 7]));
    place("buyers", "buyers", middle, t("buyers"));
    place("sales", "sales", middle, t("sales"));
    place("outbox", "outbox", middle, t("outbox"));
    straight("buyers", "buyers", "sales", middle);
    edges.commit = edge(lines, "commit", [[right("sales"), centre(middle)], [X.outbox - 3, centre(middle)]], [0, -20]);
    const topics = Array.from(new Set(forward.map((lane) => lane.topic)));
    // How much is published is known, to which topic is not: it flows on a stem, and its number stands below the outbox.
    const fork = [topics.length > 1 ? right("outbox") + 16 : X.topic - 3, centre(middle)];
    edges.published = edge(lines, "published", [[right("outbox"), centre(middle)], fork], [X.outbox + WIDE.outbox / 2, middle + HEIGHT + 16]);
    if (topics.length > 1) edges.published.group.firstChild.removeAttribute("marker-end");
    for (const topic of topics) {
      const own = forward.flatMap((lane, row) => (lane.topic === topic ? [row] : [])), y = TOP + (sum(own, (row) => row) / own.length) * ROW;
      place("topic:" + topic, "topic", y, topic, "topic");
      if (topics.length > 1) edge(lines, "fan", [fork, [X.topic - 3, centre(y)]], [0, -20]);
      for (const row of own) edge(lines, "fan", [[right("topic"), centre(y)], [X.queue - 3, centre(TOP + row * ROW)]], [0, -20]);
    }
    forward.forEach((lane, row) => {
      const y = TOP + row * ROW;
      place("queue:" + lane.queue, "queue", y, lane.queue, "queue");
      nodes["dead:" + lane.queue] = pill(boxes, X.queue + WIDE.queue / 2, y + HEIGHT + 11);
      place("stage:" + lane.queue, "stage", y, stageName(lane.stage), "stage");
      straight("taken:" + lane.queue, "queue", "stage", y);
      if (lane.stage === "replenish") { place("factory", "end", y, t("factory"), "outside"); straight("factory", "stage", "end", y); }
      if (lane.stage === "advertising") { place("mail", "end", y, t("mail"), "outside"); straight("mails", "stage", "end", y); }
    });
    place("stock", "sales", bottom, t("stock"), "stock");
    edges.stock = edge(lines, "stock", [[X.sales + WIDE.sales / 2, bottom], [X.sales + WIDE.sales / 2, middle + HEIGHT + 3]], [0, -20]);
    const replenish = Math.max(0, forward.findIndex((lane) => lane.stage === "replenish")), lead = X.end + WIDE.end + 6, from = centre(TOP + replenish * ROW);
    const home = back ? "queue" : "stage";
    edges.reports = edge(lines, "reports", [[X.end + WIDE.end, from], [lead, from], [lead, centre(bottom)], [right(home) + 3, centre(bottom)]], [(lead + right(home)) / 2, centre(bottom) - 7]);
    if (back) {
      place("queue:" + back.queue, "queue", bottom, back.queue, "queue");
      nodes["dead:" + back.queue] = pill(boxes, X.queue + WIDE.queue / 2, bottom + HEIGHT + 11);
      place("stage:" + back.queue, "topic", bottom, t("stage_receiving"));
      edges["taken:" + back.queue] = edge(lines, "taken:" + back.queue, [[X.queue, centre(bottom)], [right("topic") + 3, centre(bottom)]], [(X.queue + right("topic")) / 2, centre(bottom) - 7]);
      edges.arrivals = edge(lines, "arrivals", [[X.topic, centre(bottom)], [right("sales") + 3, centre(bottom)]], [0, -20]);
    } else {
      place("receiving", "stage", bottom, t("stage_receiving"));
      edges.arrivals = edge(lines, "arrivals", [[X.stage, centre(bottom)], [right("sales") + 3, centre(bottom)]], [0, -20]);
    }
    const arrow = svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8z" }));
    const title = svg("title", { id: "picture-title" });
    const drawn = svg("svg", { viewBox: "0 0 " + (lead + 10) + " " + height, role: "img", "aria-labelledby": "picture-title" }, title, svg("defs", {}, arrow), lines, boxes);
    figure.replaceChildren(drawn);
    return { edges, nodes, title, topics };
  }

  function pill(group, x, y) {
    const label = svg("text", { x, y: y + 4, class: "value" });
    const box = svg("g", { class: "pill" }, svg("rect", { x: x - 44, y: y - 9, width: 88, height: 18, rx: 9 }), label);
    group.append(box);
    return { box, lines: [label] };
  }

  function say(key, ...values) {
    const found = parts.nodes[key];
    if (found) values.forEach((value, index) => text(found.lines[index], value));
  }

  function flow(key, { rate, struck, troubled }) {
    const found = parts.edges[key];
    if (!found) return;
    const now = performance.now();
    if (struck > 0) found.until = now + STRIKE_SHOWN_MS;
    const moving = rate > 0.05;
    found.group.classList.toggle("moving", moving);
    found.group.classList.toggle("struck", now < found.until);
    found.group.classList.toggle("troubled", troubled);
    // From a leisurely walk to a run: ten times the rate is visibly, not ten times, faster.
    if (moving) found.group.style.setProperty("--pace", (2.4 / (1 + Math.log10(1 + rate))).toFixed(2) + "s");
    text(found.words, (struck > 0 ? "⚡" + number(struck) + " " : "") + (moving ? t("per_second", number(rate)) : ""));
  }

  function update(picture) {
    last = picture;
    const now = language + picture.calls_back + picture.lanes.map((lane) => [lane.queue, lane.stage, lane.topic]).join("|");
    if (now !== shape) { parts = lay(picture); shape = now; }
    const stock = picture.stock, total = sum(stock, (row) => row[1]), count = (of) => sum(picture.lanes, of);
    say("sales", picture.buyers.rate > 0.05 ? t("per_second", number(picture.buyers.rate)) : "");
    say("outbox", picture.outbox == null ? "" : t("unpublished", number(picture.outbox)));
    const shown = stock.slice(0, 2).map(([product, pieces]) => (stock.length === 1 ? number(pieces) : short(product, 9) + " " + number(pieces)));
    say("stock", shown[0] || "–", stock.length > 2 ? "… " + number(total) : shown[1] || "");
    parts.nodes.stock.box.classList.toggle("bad", stock.some((row) => row[1] < 0));
    parts.nodes.stock.box.classList.toggle("empty", stock.length > 0 && total === 0);
    say("factory", picture.open_productions == null ? "" : t("open", number(picture.open_productions)));
    for (const lane of picture.lanes) {
      say("queue:" + lane.queue, t("waiting", number(lane.waiting)), t("in_flight", number(lane.in_flight)));
      say("dead:" + lane.queue, t("dead", number(lane.dead)));
      const dead = parts.nodes["dead:" + lane.queue];
      if (dead) dead.box.classList.toggle("bad", lane.dead > 0);
      flow("taken:" + lane.queue, lane.taken);
    }
    const down = new Set(picture.down || []), bad = (key, role) => { const found = parts.nodes[key]; if (found) found.box.classList.toggle("bad", down.has(role)); };
    for (const [key, role] of [["sales", "sales"], ["outbox", "relay"], ["factory", "factory"], ["receiving", "receiving"]]) bad(key, role);
    for (const lane of picture.lanes) bad("stage:" + lane.queue, lane.stage);
    for (const topic of parts.topics) bad("topic:" + topic, "broker");
    flow("buyers", picture.buyers);
    flow("published", picture.published);
    flow("factory", picture.factory);
    flow("reports", picture.reports);
    flow("mails", picture.mails);
    text(parts.title, t("picture", number(total), number(count((lane) => lane.waiting)), number(count((lane) => lane.in_flight)), number(count((lane) => lane.dead)), number(picture.open_productions)));
    asTable(picture);
  }

  function asTable(picture) {
    if (!details.open) return;
    const heads = ["queue", "column_stage", "column_waiting", "column_in_flight", "column_dead", "column_rate"];
    const head = element("thead", {}, element("tr", {}, ...heads.map((key) => element("th", { scope: "col" }, t(key)))));
    const body = element("tbody", {}, ...picture.lanes.map((lane) => element("tr", {}, element("th", { scope: "row" }, lane.queue), element("td", {}, stageName(lane.stage)),
      ...[lane.waiting, lane.in_flight, lane.dead, lane.taken.rate].map((value) => element("td", { class: "n" }, number(value))))));
    table.replaceChildren(head, body);
  }

  details.addEventListener("toggle", () => { if (last) asTable(last); });
  onLanguage(() => { if (last) update(last); });
  return { update };
}
