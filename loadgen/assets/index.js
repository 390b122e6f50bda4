"use strict";
// Sorting, filtering and choosing; without it the list is still a list.
(function () {
  addEventListener("error", (event) => { document.documentElement.dataset.errors = event.message; });
  const table = document.getElementById("runs"), body = table.tBodies[0], rows = Array.from(body.rows);
  const NUMBERS = ["started", "seed", "sold", "p50", "p99"];
  const column = (heading) => heading.closest("th").cellIndex;

  for (const heading of table.querySelectorAll("[data-sort]")) {
    heading.addEventListener("click", () => {
      const by = heading.dataset.sort, cell = heading.closest("th"), up = cell.getAttribute("aria-sort") === "descending";
      for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column(heading)].textContent.trim();
      const compare = NUMBERS.includes(by) ? (a, b) => Number(a.dataset[by]) - Number(b.dataset[by]) : (a, b) => text(a).localeCompare(text(b));
      rows.sort((a, b) => (up ? compare(a, b) : compare(b, a)));
      body.append(...rows);
    });
  }

  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    document.getElementById("shown").textContent = String(rows.filter((row) => !row.hidden).length);
  });

  // A shell takes what stands in single quotes as it is.
  const quoted = (text) => (/^[\w./-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'");
  table.addEventListener("change", () => {
    const chosen = Array.from(table.querySelectorAll("[data-run]:checked"), (box) => quoted(box.dataset.run));
    document.getElementById("chosen").hidden = chosen.length !== 2;
    document.getElementById("command").textContent = "loadgen compare " + chosen.join(" ") + " --html comparison.html";
  });
  document.documentElement.dataset.ready = "true";
})();
