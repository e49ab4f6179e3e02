"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const make = (name, text, kind) => { const node = document.createElement(name); node.textContent = text; if (kind) node.className = kind; return node; };
const shown = (value) => value === null ? "–" : (Math.abs(value) < 10 ? value.toFixed(3) : value.toPrecision(4)).replace(/^(-?)0\./, "$1.");
const signed = (value) => (value < 0 ? "" : "+") + shown(value);

// Where a number comes from.
const dialog = document.getElementById("provenance");
function tell() {
  const cell = data.cells[decodeURIComponent(location.hash.slice(1))];
  if (!cell) { if (dialog.open) dialog.close(); return; }
  const facts = document.getElementById("facts");
  facts.replaceChildren(make("h3", `${cell.method} on ${cell.problem}`), make("p", cell.where, "dim"));
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of ["fold", "seed", ...data.metrics]) head.append(make("th", name, "number"));
  const body = table.createTBody();
  for (const run of cell.runs) {
    const row = body.insertRow();
    for (const value of [run.fold + 1, run.seed]) row.append(make("td", value, "number"));
    for (const value of run.values) row.append(make("td", shown(value), "number"));
  }
  const wide = make("div", "", "wide"); wide.append(table); facts.append(wide);
  for (const run of cell.runs) {
    facts.append(make("p", `Fold ${run.fold + 1}, seed ${run.seed}${run.made ? ": " + run.made : ""}`));
    for (const [name, digest] of run.prints) { const line = make("div", `${name} `, "dim"); line.append(make("code", digest, "digest")); facts.append(line); }
  }
  if (!dialog.open) dialog.showModal();
}
addEventListener("hashchange", tell);
dialog.addEventListener("close", () => { if (data.cells[location.hash.slice(1)]) location.hash = "-"; /* nowhere, so that nothing scrolls */ });
tell();

// Two methods side by side.
const one = document.getElementById("one"), other = document.getElementById("other");
function compare() {
  const body = document.getElementById("differences");
  body.replaceChildren();
  for (const [experiment, problem, where, metric, a, b, first, second, value, low, high] of data.pairs) {
    const turned = a === other.selectedIndex && b === one.selectedIndex;
    if (!turned && !(a === one.selectedIndex && b === other.selectedIndex)) continue;
    const sign = turned ? -1 : 1, sure = low > 0 || high < 0;
    const row = body.insertRow();
    for (const text of [experiment, problem, where, metric]) row.append(make("td", text));
    for (const each of turned ? [second, first] : [first, second]) row.append(make("td", shown(each), "number"));
    row.append(make("td", signed(sign * value), "number" + (sure ? " best" : "")));
    row.append(make("td", turned ? `${signed(-high)} to ${signed(-low)}` : `${signed(low)} to ${signed(high)}`));
  }
  const say = (words) => body.insertRow().append(Object.assign(make("td", words), { colSpan: 8 }));
  if (one.value === other.value) say("The same method twice.");
  else if (data.cut) say("The run has more pairs than this page holds: conditions may be missing here.");
  else if (!body.rows.length) say("They have no run in common.");
}
if (one) { one.addEventListener("change", compare); other.addEventListener("change", compare); compare(); }
