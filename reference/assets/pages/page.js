// What every page has: two languages, light and dark, and states pushed by the server.
const root = document.documentElement;
const pageErrors = [];
function note(text) {
  pageErrors.push(String(text));
  root.dataset.errors = pageErrors.join(" | ");
}
addEventListener("error", (event) => note(event.message));
addEventListener("unhandledrejection", (event) => note(event.reason));
document.addEventListener("securitypolicyviolation", (event) => note("policy: " + event.violatedDirective + " " + event.blockedURI));

const LANGUAGES = ["en", "ko"];
const words = { en: {}, ko: {} };
const listeners = [];

// A browser may forbid to remember anything; then every visit begins anew.
function remembered(key) { try { return localStorage.getItem(key); } catch { return null; } }
function remember(key, value) { try { localStorage.setItem(key, value); } catch { /* see above */ } }

const wanted = new URLSearchParams(location.search).get("lang") || remembered("language") || navigator.language || "en";
export let language = LANGUAGES.find((each) => wanted.toLowerCase().startsWith(each)) || "en";

export function addWords(more) {
  for (const each of LANGUAGES) Object.assign(words[each], more[each]);
}

// The words of a key; `{0}` and so on stand for the values.
export function t(key, ...values) {
  const text = words[language][key] ?? words.en[key] ?? key;
  return text.replace(/\{(\d)\}/g, (whole, index) => values[index] ?? "");
}

export function onLanguage(redraw) { listeners.push(redraw); }

export function translate() {
  root.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const redraw of listeners) redraw();
}

export function number(value) {
  if (value == null) return "–";
  const round = Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value) : Number(value.toPrecision(2));
  return round.toLocaleString(language);
}

export function text(parent, content) {
  if (parent.textContent !== content) parent.textContent = content;
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Follows a stream of states until one says that it is the last. A server that went away is asked again by the browser.
export function follow(path, { state, lost }) {
  const source = new EventSource(path);
  source.onmessage = (event) => {
    const said = JSON.parse(event.data);
    if (said.over) source.close();
    state(said);
  };
  source.onerror = () => { if (lost) lost(source.readyState === EventSource.CLOSED); };
  return source;
}

const tools = document.getElementById("tools");
if (tools) {
  const languageButton = element("button", { type: "button", id: "language" });
  const themeButton = element("button", { type: "button", id: "theme" });
  tools.append(languageButton, themeButton);
  languageButton.addEventListener("click", () => {
    language = LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length];
    remember("language", language);
    translate();
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = remembered("theme");
  if (theme) root.dataset.theme = theme;
  themeButton.addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    remember("theme", root.dataset.theme);
    for (const redraw of listeners) redraw();
  });
  onLanguage(() => {
    // The button names the other language in that language.
    text(languageButton, language === "en" ? "한국어" : "English");
    languageButton.lang = language === "en" ? "ko" : "en";
    text(themeButton, t("theme"));
  });
}

addWords({
  en: { theme: "Light or dark", lost: "The connection is gone; trying again…" },
  ko: { theme: "밝게 / 어둡게", lost: "연결이 끊겼습니다. 다시 시도하는 중…" },
});
