"use strict";
// Sorting: numbers by their value, words by the alphabet; what has none comes last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const was = head.getAttribute("aria-sort"), falls = head.classList.contains("number") && head.dataset.first !== "lowest";
    const down = falls ? was !== "descending" : was === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numbers = head.classList.contains("number");
    // A cell of words may say by which number it is sorted; words that are all numbers are sorted as such.
    const cells = [...table.tBodies[0].rows].map((row) => row.cells[column]), text = (cell) => cell.textContent.trim();
    const plain = !numbers && cells.every((cell) => /^(-?(\d[\d,]*(\.\d+)?|\.\d+)(e[-+]?\d+)?|–|)$/.test(text(cell)));
    const counted = numbers || plain || cells.some((cell) => cell.dataset.value);
    const number = (cell) => cell.dataset.value || (plain ? text(cell).replaceAll(",", "").replace("–", "") : "");
    const key = (row) => { const cell = row.cells[column]; return !counted ? text(cell) : number(cell) ? Number(number(cell)) : null; };
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => a === null ? (b === null ? 0 : 1) : b === null ? -1 : (counted ? a - b : a.localeCompare(b)) * (down ? -1 : 1));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }));
}

// Filtering: every word must be in the row's labels.
const rowsToFilter = [...document.querySelectorAll("table.sortable tbody tr")].map((row) => [row, [...row.cells].filter((cell) => !cell.classList.contains("number")).map((cell) => cell.textContent.trim()).join(" ").toLowerCase()]);
const filter = document.getElementById("filter");
if (filter) filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const [row, text] of rowsToFilter) { const fits = words.every((word) => text.includes(word)); row.hidden = !fits; count += fits; }
  document.getElementById("shown").textContent = words.length ? `${count} of ${rowsToFilter.length} rows` : "";
});

// Light and dark.
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
