// The shop: what there is, buying it, and what happens behind the counter. Speaks the shop's own API, as any client does.
import { addWords, element, follow, number, onLanguage, t, text, translate } from "./page.js";
import { drawPicture } from "./picture.js";

addWords({
  en: {
    skip: "Skip to the shop", title: "The doughnut shop", buy_title: "Buy", behind_title: "What happens behind the counter", sold: "Sold", refused: "Refused",
    inbox_title: "Inbox of the person in charge of advertising", inbox_about: "When nothing is left, an e-mail asks to stop the ads. Pressing the button is that person's job.",
    inbox_empty: "No e-mail yet.", left: "{0} left", price: "{0} won", pieces: "Pieces", buy: "Buy", buying: "Buying…",
    bought: "Bought {0}. {1} left.", sold_out: "Sold out: {0} left. The factory has been asked for more.", not_bought: "Not bought: {0}",
    unknown: "No certain answer. The same order will be sent again with the same key.", ad: "The doughnut that the famous YouTuber praised. Order now!", ad_stopped: "The ads are stopped.",
    stop_ads: "Stop the ads", run_ads: "Let the ads run again", closed: "The shop is closed. Start it again with `reference serve --live`.",
  },
  ko: {
    skip: "가게로 건너뛰기", title: "도너츠 가게", buy_title: "구매", behind_title: "계산대 뒤에서 일어나는 일", sold: "판매", refused: "거절",
    inbox_title: "광고 담당자의 받은 편지함", inbox_about: "재고가 없으면 광고 중단을 요청하는 이메일이 옵니다. 버튼을 누르는 것은 담당자의 일입니다.",
    inbox_empty: "아직 이메일이 없습니다.", left: "{0}개 남음", price: "{0}원", pieces: "개수", buy: "구매", buying: "구매 중…",
    bought: "{0}개 구매 완료. 남은 재고 {1}개.", sold_out: "품절: 재고 {0}개. 공장에 생산을 요청했습니다.", not_bought: "구매 실패: {0}",
    unknown: "확실한 답을 받지 못했습니다. 같은 키로 같은 주문을 다시 보냅니다.", ad: "유명 유튜버가 극찬한 도너츠, 지금 주문하세요!", ad_stopped: "광고가 중단되었습니다.",
    stop_ads: "광고 중단", run_ads: "광고 다시 시작", closed: "가게가 문을 닫았습니다. `reference serve --live`로 다시 시작하세요.",
  },
});

// How the two editions of the shop are spoken to.
const EDITIONS = {
  donut: {
    browse: "/product/donut", buy: "/checkout",
    rows: (answer) => [{ id: answer.product_id, name: answer.name, price: answer.price, left: answer.stock, factory: answer.factory_id }],
    order: (product, pieces) => ({ MessageAttributeProductCnt: pieces, MessageAttributeFactoryId: product.factory, requester: "visitor" }),
  },
  shop: {
    browse: "/item", buy: "/item",
    rows: (answer) => answer.map((row) => ({ id: String(row.item_id), name: row.name, price: row.price, left: row.quantity })),
    order: (product, pieces) => ({ item_name: product.name, quantity: pieces, requester: "visitor" }),
  },
};

const byId = (id) => document.getElementById(id);
const picture = drawPicture(byId("picture"));
const cards = new Map();
let edition = null, latest = null, answered = null;
// Which e-mails this person has acted on. It is nobody else's business, so it is kept in this window.
const handled = new Set();

function card(product) {
  const left = element("p", { class: "left" }), pieces = element("input", { type: "number", min: "1", max: "1000", value: "1", required: "", id: "pieces-" + product.id });
  const button = element("button", { type: "submit", class: "main", "data-buy": product.id });
  const label = element("label", { for: "pieces-" + product.id });
  const form = element("form", {}, element("div", {}, label, document.createElement("br"), pieces), button);
  const price = element("p", { class: "muted" });
  const made = element("article", { class: "card product", "data-product": product.id }, element("h3", {}, product.name), price, left, form);
  form.addEventListener("submit", (event) => { event.preventDefault(); buy(product, Number(pieces.value), button); });
  byId("products").append(made);
  return { left, button, label, price };
}

async function look() {
  const answer = await fetch(EDITIONS[edition].browse);
  if (!answer.ok) return;
  for (const product of EDITIONS[edition].rows(await answer.json())) {
    if (!cards.has(product.id)) cards.set(product.id, card(product));
    cards.get(product.id).product = product;
  }
  show();
}

// Once with a key; again with the same key while nobody knows whether it was done.
async function send(product, pieces) {
  const key = crypto.randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await fetch(EDITIONS[edition].buy, {
        method: "POST", headers: { "content-type": "application/json", "idempotency-key": key }, body: JSON.stringify(EDITIONS[edition].order(product, pieces)),
      });
      if (answer.status < 500 && answer.status !== 409) return { ok: answer.ok, body: await answer.json() };
    } catch { /* not known whether it arrived */ }
    if (attempt === 3) return null;
    answered = () => ["failed", t("unknown")];
    show();
    await new Promise((done) => setTimeout(done, 500 * attempt));
  }
}

async function buy(product, pieces, button) {
  button.disabled = true;
  text(button, t("buying"));
  const result = await send(product, pieces);
  if (!result) answered = () => ["failed", t("unknown")];
  else if (result.body.outcome === "sold") answered = () => ["sold", t("bought", number(result.body.quantity), number(result.body.stock))];
  else if (result.body.outcome === "sold_out") answered = () => ["refused", t("sold_out", number(result.body.stock))];
  else answered = () => ["failed", t("not_bought", result.body.message || "")];
  button.disabled = false;
  await look();
}

// The ads are stopped while an e-mail that asked for it was acted on and the ads were not started again since.
const stopped = () => latest && latest.mails.some((mail) => handled.has(mail.id));

function mailRow(mail) {
  const done = handled.has(mail.id), button = element("button", { type: "button", "data-mail": mail.id }, t(done ? "run_ads" : "stop_ads"));
  button.addEventListener("click", () => {
    if (done) handled.clear(); else handled.add(mail.id);
    show();
    const again = document.querySelector('[data-mail="' + CSS.escape(mail.id) + '"]');
    if (again) again.focus();
  });
  return element("li", { class: "card" }, element("h3", {}, mail.subject), element("p", { class: "muted" }, mail.at), element("pre", { tabindex: "0" }, mail.text), button);
}

let shownMails = "";
function show() {
  for (const { product, left, button, label, price } of cards.values()) {
    const known = latest && latest.picture.stock.find(([id]) => id === product.id);
    const pieces = known ? known[1] : product.left;
    text(left, t("left", number(pieces)));
    left.classList.toggle("none", pieces <= 0);
    text(price, t("price", number(product.price)));
    text(label, t("pieces"));
    if (!button.disabled) text(button, t("buy"));
  }
  const [kind, words] = answered ? answered() : ["", ""];
  byId("said").className = "said " + kind;
  text(byId("said"), words);
  if (!latest) return;
  text(byId("sold"), number(latest.sold));
  text(byId("refused"), number(latest.refused));
  byId("ad").hidden = false;
  byId("ad").classList.toggle("stopped", Boolean(stopped()));
  text(byId("ad-text"), t(stopped() ? "ad_stopped" : "ad"));
  byId("inbox-section").hidden = !latest.has_mailbox;
  const now = JSON.stringify([latest.mails.map((mail) => mail.id), Array.from(handled), document.documentElement.lang]);
  if (now !== shownMails) {
    byId("inbox").replaceChildren(...(latest.mails.length ? latest.mails.map(mailRow) : [element("li", { class: "muted" }, t("inbox_empty"))]));
    shownMails = now;
  }
}

follow("/events", {
  state: (said) => {
    text(byId("connection"), said.over ? t("closed") : "");
    if (said.over) return;
    latest = said;
    picture.update(said.picture);
    if (edition !== said.edition) { edition = said.edition; look(); }
    show();
    document.documentElement.dataset.ready = "true";
  },
  lost: () => text(byId("connection"), t("lost")),
});
onLanguage(show);
translate();
