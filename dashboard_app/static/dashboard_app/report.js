// Applies the bar at once, and keeps its fields in step with what is shown.
"use strict";

(() => {
  const form = document.getElementById("filters");
  const report = document.getElementById("report");
  const live = document.getElementById("live");
  let slow = 0;

  // What there is to choose, and what "auto" stands for, depend on the range; the reader's choice stays.
  document.addEventListener("report:applied", ({ detail }) => {
    const next = detail.getElementById("filters");
    const { from, to, range } = form.elements;
    for (const field of form.elements) {
      const fresh = field.options && next.elements[field.name];
      if (!fresh || fresh.innerHTML === field.innerHTML) continue;
      const chosen = field.value;
      field.innerHTML = fresh.innerHTML;
      field.value = chosen;
    }
    if (range.value !== "custom") {
      from.value = next.elements.from.value;
      to.value = next.elements.to.value;
    }
  });

  function show(event) {
    // The server makes a filter of the fields that add one.
    if (form.elements.add_column?.value) return;
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (!value || name.startsWith("add_")) query.delete(name, value);
    if (query.get("range") !== "custom") {
      query.delete("from");
      query.delete("to");
    }
    history.pushState(null, "", `?${query}`);
    report.ariaBusy = "true";
    clearTimeout(slow);
    slow = setTimeout(() => {
      if (report.ariaBusy === "true") live.textContent = "Counting…";
    }, 1_000);
    refreshReport();
  }

  form.addEventListener("submit", show);
  // Fields of a report that belong to the form may stand outside of it.
  document.addEventListener("change", ({ target }) => {
    if (target.form !== form || target.name?.startsWith("add_") || "waits" in target.dataset) return;
    const waits = target.type === "datetime-local" || target.value === "custom";
    if (!waits) form.requestSubmit();
  });
  addEventListener("popstate", () => location.reload());
})();
