// Puts new events on top of the list every two seconds while somebody looks at it.
"use strict";

(() => {
  const EVERY = 2_000;
  const TIMEOUT = 15_000;
  const page = document.getElementById("debugger");
  const list = document.getElementById("events");
  const live = document.getElementById("live");
  const pause = document.getElementById("pause");
  let last = page.dataset.last;
  let paused = false;
  let running = false;

  function tell(text) {
    if (live.textContent !== text) live.textContent = text;
  }

  function show(news) {
    last = news.last;
    const counts = document.getElementById("counts");
    if (counts.innerHTML !== news.counts) counts.innerHTML = news.counts;
    if (!news.events.length) return;
    const fresh = document.createElement("template");
    fresh.innerHTML = `<table><tbody>${news.rows}</tbody></table>`;
    const rows = [...fresh.content.querySelectorAll("tr")];
    for (const row of rows) row.classList.add("new");
    list.prepend(...rows);
    for (const row of [...list.rows].slice(Number(page.dataset.rows))) row.remove();
    document.getElementById("empty").hidden = true;
  }

  async function ask() {
    const query = new URLSearchParams({ show: page.dataset.show, after: last });
    const response = await fetch(`${page.dataset.news}?${query}`, { signal: AbortSignal.timeout(TIMEOUT) });
    if (response.redirected) throw new Error("you are signed out");
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return response.json();
  }

  async function refresh() {
    if (paused || running || document.hidden) return;
    running = true;
    try {
      const news = await ask();
      if (!paused) {
        show(news);
        tell("Live");
      }
    } catch (error) {
      const unreachable = error instanceof TypeError || error instanceof DOMException;
      tell(`Not refreshed: ${unreachable ? "the server does not answer" : error.message}.`);
    } finally {
      running = false;
    }
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    tell(paused ? "Paused" : "Live");
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  document.getElementById("reload").hidden = true;
  pause.hidden = false;
  tell("Live");
  setInterval(refresh, EVERY);
})();
