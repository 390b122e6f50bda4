// What keeps people from using this page: controls without a name, text that is hard to see, a page that does not say its language.
(() => {
  const found = [];
  const say = (what, element) => found.push(what + ": " + element.outerHTML.slice(0, 160));
  if (!document.documentElement.lang) found.push("the page does not say its language");
  if (!document.title) found.push("the page has no title");
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length > 0;
  const name = (element) => (element.getAttribute("aria-label") || (element.labels && Array.from(element.labels, (label) => label.textContent).join("")) || element.textContent || element.title || "").trim();
  for (const control of document.querySelectorAll("button, a[href], input, select, textarea, summary, progress")) if (shown(control) && !name(control)) say("no name", control);
  for (const region of document.querySelectorAll('[role="region"], [role="img"], section')) {
    const labelled = (region.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
    if (!region.getAttribute("aria-label") && !labelled.some((id) => document.getElementById(id) && document.getElementById(id).textContent.trim())) say("no label", region);
  }
  for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) say("no alternative text", image);
  for (const scrolled of document.querySelectorAll("*")) {
    if (!shown(scrolled)) continue;
    const style = getComputedStyle(scrolled);
    if (/auto|scroll/.test(style.overflowX + style.overflowY) && (scrolled.scrollWidth > scrolled.clientWidth + 1 || scrolled.scrollHeight > scrolled.clientHeight + 1) && scrolled.tabIndex < 0 && !scrolled.querySelector("a, button, input, [tabindex]"))
      say("cannot be scrolled with the keyboard", scrolled);
  }
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // Any notation of a colour, over what lies behind it.
  const painted = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, share, index) => {
    const part = rgb[index] / 255;
    return sum + share * (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }, 0);
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    return ["#fff", ...layers];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !shown(element) || element.closest("svg, script, style, [aria-hidden=true], :disabled")) continue;
    const style = getComputedStyle(element), layers = behind(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight, 10) >= 700);
    const [text, ground] = [light(painted([...layers, style.color])), light(painted(layers))];
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < (large ? 3 : 4.5)) say("contrast " + contrast.toFixed(2), element);
  }
  return found;
})()
