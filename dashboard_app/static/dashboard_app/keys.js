// Keyboard shortcuts of the dashboard; `?` opens the list of them. A key that is typed into a field stays there.
"use strict";

(() => {
  const form = document.getElementById("filters");
  const help = document.getElementById("keys");
  const RANGES = { h: "1h", d: "24h", w: "7d", m: "30d", q: "90d" };

  function choose(range) {
    form.querySelector(`[name="range"][value="${range}"]`)?.click();
  }

  function addFilter() {
    const details = form.querySelector(".add-filter");
    details.open = true;
    details.querySelector("input").focus();
  }

  function toggleTables() {
    const tables = [...document.querySelectorAll(".chart > details")];
    const open = tables.some((details) => !details.open);
    for (const details of tables) details.open = open;
  }

  function closeMenus() {
    for (const menu of document.querySelectorAll(".menu[open]")) {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    }
  }

  const ACTIONS = {
    "?": () => help.showModal(),
    c: () => form.elements.compare?.click(),
    f: addFilter,
    t: toggleTables,
    Escape: closeMenus,
    ...Object.fromEntries(Object.entries(RANGES).map(([key, range]) => [key, () => choose(range)])),
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=radio], [type=checkbox]), select, textarea, dialog");
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
    const place = /^[1-9]$/.test(event.key) && document.querySelectorAll(".places a")[event.key - 1];
    const action = place ? () => place.click() : ACTIONS[event.key];
    if (!action) return;
    if (event.key !== "Escape") event.preventDefault();
    action();
  });
  document.getElementById("keys-open").addEventListener("click", () => help.showModal());
  document.addEventListener("click", ({ target }) => {
    for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(target)) menu.open = false;
  });
})();
