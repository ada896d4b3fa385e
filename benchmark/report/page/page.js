"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const rowsOf = body => [...body.rows].filter(row => !row.matches(".provenance, .group"));

// Sort each group of rows by a column: by the value of a cell, else by its text; empty cells are last.
for (const button of all("table.sorted thead button")) button.addEventListener("click", () => {
  const head = button.parentElement, table = head.closest("table"), place = head.cellIndex;
  const down = head.ariaSort === "ascending" ? -1 : 1;
  closeAll(table);
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.ariaSort = down > 0 ? "ascending" : "descending";
  const key = row => row.cells[place].dataset.sort ?? row.cells[place].textContent.trim();
  const compare = (a, b) => a === "" || b === "" ? (a === "") - (b === "")
    : down * (isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  for (const body of table.tBodies) body.append(...rowsOf(body).sort((a, b) => compare(key(a), key(b))));
});

// Filter the rows of a section: every word must occur in the row or in the title of its group.
for (const filter of all(".filter")) {
  const input = filter.querySelector("input"), told = filter.querySelector("output"), section = filter.parentElement;
  filter.hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, total = 0;
    for (const body of all("table.sorted tbody", section)) {
      const fold = body.closest("details.inner");
      const title = (fold?.querySelector("h3") ?? body.querySelector(".group"))?.textContent ?? "";
      closeAll(body);
      const rows = rowsOf(body);
      for (const row of rows) row.hidden = !wanted.every(word => `${title} ${row.textContent}`.toLowerCase().includes(word));
      const left = rows.filter(row => !row.hidden).length;
      body.hidden = left === 0;
      if (fold && wanted.length) fold.open = left > 0;
      shown += left;
      total += rows.length;
    }
    told.textContent = wanted.length ? `${shown} of ${total} rows` : "";
  });
}

// A click on a number shows its provenance in a row below; Escape, the button or another click hide it.
function closeAll(within) {
  for (const row of all("tr.provenance", within)) close(row);
}
function close(row) {
  const link = row.from;
  link.setAttribute("aria-expanded", "false");
  row.remove();
  return link;
}
for (const link of all("a.from")) {
  link.setAttribute("aria-expanded", "false");
  link.addEventListener("click", event => {
    event.preventDefault();
    const line = link.closest("tr"), open = line.nextElementSibling;
    if (open?.classList.contains("provenance")) {
      close(open);
      if (open.from === link) return;
    }
    const row = document.createElement("tr"), cell = row.insertCell(), button = document.createElement("button");
    row.className = "provenance";
    row.from = link;
    cell.colSpan = [...line.cells].reduce((sum, one) => sum + one.colSpan, 0);
    button.className = "close";
    button.type = "button";
    button.textContent = "Close";
    button.addEventListener("click", () => close(row).focus());
    cell.append(button);
    for (const arm of link.dataset.arms.split(" ")) {
      const copy = document.getElementById(`runs/${arm}`).cloneNode(true);
      copy.removeAttribute("id");
      cell.append(copy);
    }
    row.addEventListener("keydown", pressed => { if (pressed.key === "Escape") close(row).focus(); });
    line.after(row);
    link.setAttribute("aria-expanded", "true");
  });
  link.addEventListener("keydown", pressed => {
    const open = link.closest("tr").nextElementSibling;
    if (pressed.key === "Escape" && open?.from === link) close(open);
  });
}

// Fold and unfold sections; a link into a folded section unfolds it.
const sections = all("details.section"), unfold = document.getElementById("unfold");
unfold.addEventListener("click", () => {
  const open = unfold.getAttribute("aria-pressed") !== "true";
  for (const section of sections) section.open = open;
  unfold.setAttribute("aria-pressed", open);
});
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let place = target; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true;
  target?.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (location.hash) reveal();

// Light or dark style, as the browser prefers or as chosen by the button.
const theme = document.getElementById("theme"), asked = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (document.documentElement.dataset.theme ?? (asked.matches ? "dark" : "light")) === "dark";
const say = () => theme.setAttribute("aria-pressed", dark());
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  say();
});
asked.addEventListener("change", say);
say();
document.querySelector(".tools").hidden = false;

// The index marks the current section.
const links = new Map(all("nav a").map(link => [link.hash.slice(1), link])), seen = new Set();
const watch = new IntersectionObserver(entries => {
  for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target.id);
  const first = [...links.keys()].find(id => seen.has(id));
  if (!first) return; // Between two sections the last one remains marked.
  for (const link of links.values()) link.removeAttribute("aria-current");
  const bar = document.querySelector("nav"), link = links.get(first);
  link.setAttribute("aria-current", "true");
  bar.scrollTo({ left: link.offsetLeft - bar.clientWidth / 3, top: link.offsetTop - bar.clientHeight / 2 });
}, { rootMargin: "-5% 0px -80% 0px" });
for (const id of links.keys()) watch.observe(document.getElementById(id));
