"use strict";
// Sort and search tables, mark the section that is read. Without this script everything is there all the same.
(() => {
  const texts = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  // What is missing comes last, whichever way the others are sorted.
  const compare = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return direction * (typeof a === "number" ? a - b : texts.compare(a, b));
  };

  const keyOf = (cell, kind) => {
    const text = kind === "text" ? cell.textContent.trim() : cell.dataset.key;
    if (text === "" || (kind === "text" && text === "–")) return null;
    return kind === "text" ? text : Number(text);
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, at) => {
      const kind = heading.dataset.sort;
      if (!kind) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        // Numbers are mostly looked at from the largest down.
        const before = heading.getAttribute("aria-sort");
        const first = kind === "text" ? "ascending" : "descending";
        const other = kind === "text" ? "descending" : "ascending";
        const order = before === first ? other : first;
        headings.forEach((h) => h.dataset.sort && h.setAttribute("aria-sort", "none"));
        heading.setAttribute("aria-sort", order);
        const keyed = [...body.rows].map((row) => [keyOf(row.cells[at], kind), row]);
        keyed.sort((a, b) => compare(a[0], b[0], order === "ascending" ? 1 : -1));
        body.append(...keyed.map((pair) => pair[1]));
      });
    });
  };

  const searchable = (box) => {
    const label = box.querySelector(".search");
    if (!label) return;
    const count = box.querySelector(".count");
    const rows = [...box.querySelector("tbody").rows].map((row) => [row.textContent.toLocaleLowerCase(), row]);
    const show = () => {
      const words = label.querySelector("input").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [text, row] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      const all = rows.length.toLocaleString("en");
      count.textContent = shown === rows.length ? `${all} rows` : `${shown.toLocaleString("en")} of ${all} rows`;
    };
    label.hidden = false;
    label.addEventListener("input", show);
    show();
  };

  for (const box of document.querySelectorAll(".table")) {
    sortable(box.querySelector("table"));
    searchable(box);
  }

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target.id);
    const current = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id !== current) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        link.closest("ul").scrollTo({ left: link.offsetLeft - 16 });
      }
    }
  }, { rootMargin: "-10% 0px -55% 0px" });
  document.querySelectorAll("section.major").forEach((section) => watch.observe(section));

  // What is folded is printed, too.
  const folds = () => document.querySelectorAll("details.fold:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = [...folds()]; opened.forEach((fold) => { fold.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach((fold) => { fold.open = false; }); });
})();
