for (const button of document.querySelectorAll("thead button")) button.addEventListener("click", () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0], place = head.cellIndex;
  const down = head.ariaSort === "ascending" ? -1 : 1;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.ariaSort = down > 0 ? "ascending" : "descending";
  const key = row => row.cells[place].dataset.sort ?? row.cells[place].textContent;
  const compare = (a, b) => a === "" || b === "" ? (a === "") - (b === "")
    : down * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
});
