// Refreshes the page's numbers in place while the reader looks at it: every `data-every` seconds.
// The server renders; this puts what changed where it was, so that focus, scrolling and open tables stay.
"use strict";

(() => {
  const report = document.getElementById("report");
  const EVERY = 1000 * report.dataset.every;
  const TIMEOUT = Math.max(30_000, EVERY);
  let refreshed = Date.now();
  let running = null;

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

  const cardsOf = (root) => [...root.querySelectorAll("[data-card]")];
  const names = (cards) => cards.map((card) => card.dataset.card).join(" ");

  // As little as possible is put anew, where the reader may have opened or typed something: of a dashboard one card.
  function applyReport(root, next) {
    const [cards, fresh] = [cardsOf(root), cardsOf(next)];
    if (cards.length && names(cards) === names(fresh)) cards.forEach((card, place) => applyReport(card, fresh[place]));
    else if (outline(root) === outline(next)) replaceParts(root, next);
    else {
      for (const canvas of root.querySelectorAll("canvas")) Chart.getChart(canvas)?.destroy();
      root.dataset.state = next.dataset.state;
      put(root, next);
    }
  }

  function apply(fresh, response) {
    const next = fresh.getElementById("report");
    if (!next?.dataset.state) throw new Error(response.redirected ? "you are signed out" : `the server answers ${response.status}`);
    if (next.dataset.state === "problem" && report.dataset.state !== "problem") {
      throw new Error("the store cannot be read, or takes too long");
    }
    applyReport(report, next);
    for (const part of document.querySelectorAll("[data-live]")) {
      if (!report.contains(part)) replace(part, fresh.querySelector(`[data-live="${part.dataset.live}"]`));
    }
    drawCharts();
    document.dispatchEvent(new CustomEvent("report:applied", { detail: fresh }));
  }

  function tell(problem) {
    const live = document.getElementById("live");
    const since = new Date(refreshed).toLocaleTimeString();
    const text = problem ? `Not refreshed since ${since}: ${problem}.` : "";
    if (live && live.textContent !== text) live.textContent = text;
  }

  async function refresh() {
    running?.abort();
    const mine = (running = new AbortController());
    const timeout = setTimeout(() => mine.abort(), TIMEOUT);
    try {
      const response = await fetch(location.href, { signal: mine.signal });
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      if (running !== mine) return;
      apply(fresh, response);
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

  function tick() {
    if (!document.hidden && !running && !("paused" in report.dataset)) refresh();
  }

  setInterval(tick, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (Date.now() - refreshed > EVERY) tick();
  });
  window.refreshReport = refresh;
})();
