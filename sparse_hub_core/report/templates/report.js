"use strict";
// Tables: a click on a heading sorts its column.
const NUMBER = /^[<+]?(-?\d[\d.]*(e[+-]?\d+)?)/i;
const isBlank = (text) => text === "" || text === "-";
const numberIn = (text) => parseFloat(text.match(NUMBER)?.[1]);

function sortBy(table, column, ascending) {
  const body = table.tBodies[0];
  const entries = [...body.rows].map((row, place) => ({ row, place, text: row.cells[column].textContent.trim() }));
  const filled = entries.filter((entry) => !isBlank(entry.text));
  const numbers = filled.filter((entry) => NUMBER.test(entry.text));
  const isNumeric = numbers.length * 2 > filled.length;
  const compare = isNumeric
    ? (a, b) => numberIn(a.text) - numberIn(b.text)
    : (a, b) => a.text.localeCompare(b.text, "en", { numeric: true });
  const sign = ascending ? 1 : -1;
  const sorted = (isNumeric ? numbers : filled).sort((a, b) => sign * compare(a, b) || a.place - b.place);
  // What was not measured stays at the end, whichever way round.
  const rest = entries.filter((entry) => !sorted.includes(entry));
  body.append(...[...sorted, ...rest].map((entry) => entry.row));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("table.sortable th button");
  if (!button) return;
  const heading = button.parentElement;
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  heading.parentElement.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  sortBy(heading.closest("table"), heading.cellIndex, ascending);
});

// Figures: drawn when they come into view, in the colours of the page.
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
// A browser keeps some 16 WebGL contexts, and parallel coordinates take three each.
const MOST_WEBGL = Number(document.body.dataset.mostWebgl);
const NARROW = 480; // Pixels.
const PAPER = 680; // Pixels: fits A4 and letter at the margins of common browsers.
const canWebgl = document.createElement("canvas").getContext("webgl") !== null;
const isPaper = () => document.documentElement.classList.contains("paper");
const live = [];
const visible = new Set();

function colours() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  return { ink: value("--ink"), line: value("--line"), paper: value("--paper") };
}

function themed(layout, width) {
  const { ink, line, paper } = colours();
  const axes = Object.keys(layout).filter((key) => /^[xy]axis/.test(key));
  const changed = { ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
  changed.modebar = { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink };
  changed.font = { ...layout.font, color: ink };
  changed.hoverlabel = { ...layout.hoverlabel, bgcolor: paper, bordercolor: line, font: { color: ink } };
  const extra = width < NARROW ? layout.meta?.narrow ?? 0 : 0;
  changed.height += extra;
  changed.margin = { ...layout.margin, b: layout.margin.b + extra };
  axes.forEach((axis) => { changed[axis] = { gridcolor: line, linecolor: line, zerolinecolor: line, ...layout[axis] }; });
  return changed;
}

function draw(plot, paper) {
  if (plot.dataset.state === "drawn") return;
  if (plot.dataset.webgl === "true" && !canWebgl) return;
  plot.dataset.state = "drawn";
  const { data, layout } = JSON.parse(document.querySelector(`script[data-for="${plot.id}"]`).textContent);
  const width = paper ?? plot.clientWidth;
  const shown = themed(layout, width);
  if (paper) shown.width = paper;
  // It keeps its room when it is erased.
  plot.style.height = `${shown.height}px`;
  // In a narrow window the toolbar would cover the legend, and a finger needs none.
  Plotly.newPlot(plot, data, shown, { ...CONFIG, displayModeBar: paper || innerWidth < NARROW ? false : "hover" });
  if (plot.dataset.webgl !== "true") return;
  live.push(plot);
  // One that is out of view is drawn again when it comes back.
  const oldest = live.findIndex((other) => !visible.has(other));
  if (live.length > MOST_WEBGL && oldest >= 0) erase(...live.splice(oldest, 1));
}

function erase(plot) {
  Plotly.purge(plot);
  plot.dataset.state = "";
}

const plots = [...document.querySelectorAll(".plot")];
const seen = new IntersectionObserver((entries) => {
  entries.forEach(({ isIntersecting, target }) => isIntersecting ? visible.add(target) : visible.delete(target));
  if (!isPaper()) entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target));
}, { rootMargin: "100px" });
plots.forEach((plot) => seen.observe(plot));
const withoutWebgl = plots.filter((plot) => plot.dataset.webgl === "true").map((plot) => plot.closest("figure"));
if (!canWebgl) withoutWebgl.forEach((figure) => {
  figure.classList.add("table-only");
  figure.querySelector("details.numbers").open = true;
});

function redraw() {
  const drawn = plots.filter((plot) => plot.dataset.state === "drawn");
  live.length = 0;
  drawn.forEach((plot) => { erase(plot); draw(plot); });
}
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", redraw);
// Paper shows what was not scrolled to as well, as wide as it is; canvases of WebGL stay blank there, so their tables stand in.
let undo = [];
addEventListener("beforeprint", () => {
  const before = plots.filter((plot) => plot.dataset.state === "drawn" && plot.dataset.webgl !== "true");
  document.documentElement.classList.add("paper");
  const printed = plots.filter((plot) => plot.dataset.webgl !== "true" && plot.closest("details:not([open])") === null);
  before.forEach(erase);
  printed.forEach((plot) => draw(plot, PAPER));
  const tables = withoutWebgl.map((figure) => figure.querySelector("details.numbers")).filter((table) => !table.open);
  tables.forEach((table) => { table.open = true; });
  undo = [
    () => printed.forEach(erase),
    () => before.forEach((plot) => draw(plot)),
    () => tables.forEach((table) => { table.open = false; }),
    () => visible.forEach((plot) => draw(plot)),
  ];
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  undo.forEach((step) => step());
  undo = [];
});
