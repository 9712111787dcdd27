// Applies the bar at once, and refreshes the page's numbers in place while the reader looks at it.
// The server renders; this puts what changed where it was, so that focus, scrolling and open tables stay.
"use strict";

(() => {
  const TIMEOUT = 30_000;
  const form = document.getElementById("filters");
  const report = document.getElementById("report");
  const EVERY = report.dataset.report === "live" ? 2_000 : 10_000;
  const live = document.getElementById("live");
  let refreshed = Date.now();
  let running = null;
  let slow = 0;

  // Puts the server's new rendering in place. The focus stays where it was: by the name, or by the place, of its element.
  function put(target, source) {
    const reachable = () => [...target.querySelectorAll("a, button, input, select, summary, [tabindex]")];
    const { id } = document.activeElement;
    const place = reachable().indexOf(document.activeElement);
    target.innerHTML = source.innerHTML;
    if (place >= 0) (document.getElementById(id) ?? reachable()[place])?.focus();
  }

  function replace(target, source) {
    if (target && source && target.innerHTML !== source.innerHTML) put(target, source);
  }

  // A stream of rows: what came is put before what was there, which stays where it is on the screen.
  function merge(target, source) {
    const known = new Map([...target.rows].map((row) => [row.dataset.key, row]));
    const keys = new Set([...source.rows].map((row) => row.dataset.key));
    const scroller = target.closest(".scroll");
    const height = scroller.scrollHeight;
    let place = target.rows[0] ?? null;
    for (const row of [...source.rows]) {
      const old = known.get(row.dataset.key);
      if (old) replace(old.cells[0], row.cells[0]);
      else target.insertBefore(row, place).classList.add("new");
      if (old && old === place) place = old.nextElementSibling;
    }
    if (scroller.scrollTop > 0) scroller.scrollTop += scroller.scrollHeight - height;
    for (const [key, row] of known) if (!keys.has(key)) row.remove();
  }

  function replaceParts(root, next) {
    for (const part of root.querySelectorAll("[data-live]")) {
      const update = "keyed" in part.dataset ? merge : replace;
      update(part, next.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`));
    }
  }

  // What the page consists of; the numbers in it may differ.
  function outline(root) {
    const charts = [...root.querySelectorAll("[data-live-charts]")].map((list) => list.dataset.liveCharts);
    const parts = [...root.querySelectorAll("[data-live]")].map((part) => part.dataset.live);
    return JSON.stringify([root.dataset.state, charts, parts]);
  }

  function applyReport(next) {
    if (outline(report) === outline(next)) {
      replaceParts(report, next);
      return;
    }
    for (const canvas of report.querySelectorAll("canvas")) Chart.getChart(canvas)?.destroy();
    report.dataset.state = next.dataset.state;
    put(report, next);
  }

  // What there is to choose, and what "auto" stands for, depend on the range; the reader's choice stays.
  function applyForm(next) {
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
  }

  function apply(fresh) {
    const next = fresh.getElementById("report");
    if (!next) throw new Error("you are signed out");
    if (next.dataset.state === "problem" && report.dataset.state !== "problem") {
      throw new Error("the store cannot be read, or takes too long");
    }
    applyReport(next);
    applyForm(fresh.getElementById("filters"));
    for (const part of document.querySelectorAll("[data-live]")) {
      if (!report.contains(part)) replace(part, fresh.querySelector(`[data-live="${part.dataset.live}"]`));
    }
    drawCharts();
    document.dispatchEvent(new Event("report:applied"));
  }

  function tell(problem) {
    const since = new Date(refreshed).toLocaleTimeString();
    const text = problem ? `Not refreshed since ${since}: ${problem}.` : "";
    if (live.textContent !== text) live.textContent = text;
  }

  async function refresh() {
    running?.abort();
    const mine = (running = new AbortController());
    const timeout = setTimeout(() => mine.abort(), TIMEOUT);
    try {
      const response = await fetch(location.href, { signal: mine.signal });
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      if (running !== mine) return;
      apply(fresh);
      refreshed = Date.now();
      tell("");
    } catch (error) {
      const unreachable = error instanceof TypeError || error.name === "AbortError";
      if (running === mine) tell(unreachable ? "the server does not answer" : error.message);
    } finally {
      clearTimeout(timeout);
      if (running === mine) running = null;
      report.ariaBusy = String(running !== null && report.ariaBusy === "true");
    }
  }

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
    refresh();
  }

  form.addEventListener("submit", show);
  // Fields of a report that belong to the form may stand outside of it.
  document.addEventListener("change", ({ target }) => {
    if (target.form !== form || target.name?.startsWith("add_") || "waits" in target.dataset) return;
    const waits = target.type === "datetime-local" || target.value === "custom";
    if (!waits) form.requestSubmit();
  });
  addEventListener("popstate", () => location.reload());

  function tick() {
    if (!document.hidden && !running && !("paused" in report.dataset)) refresh();
  }
  setInterval(tick, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (Date.now() - refreshed > EVERY) tick();
  });
})();
