"use strict";
// Light or dark stays what was chosen, from page to page, where the browser keeps it.
try { if (localStorage.theme) document.documentElement.dataset.theme = localStorage.theme; } catch { /* it does not */ }
document.getElementById("theme").addEventListener("click", () => { try { localStorage.theme = document.documentElement.dataset.theme; } catch { /* it does not */ } });

// The choices of the index: a row is shown where all of them fit, and every word is in it.
const table = document.querySelector("table.filtered");
if (table) {
  const choices = [...document.querySelectorAll("select[data-column]")], said = document.getElementById("shown"), words = document.getElementById("filter");
  const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
  const choose = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [row, text] of rows) {
      const fits = choices.every((each) => !each.value || row.dataset[each.dataset.column] === each.value) && wanted.every((word) => text.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    said.textContent = `${count} of ${rows.length} rows`;
  };
  for (const each of choices) each.addEventListener("change", choose);
  words.addEventListener("input", choose);
  const first = choices.find((each) => each.dataset.column === "metric");
  if ([...first.options].some((each) => each.value === "F1")) first.value = "F1";
  choose();
}
document.querySelector(".filters")?.addEventListener("submit", (event) => event.preventDefault());
