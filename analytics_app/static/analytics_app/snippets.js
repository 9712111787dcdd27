// Copies snippets, and tells when an event of the source has come.
"use strict";

(() => {
  const EVERY = 2_000;
  const TIMEOUT = 15_000;
  const SAID_FOR = 2_000;
  const first = document.getElementById("first");
  let last = first.dataset.last;
  let running = false;

  function select(code) {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }

  async function copy(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return "Copied";
    } catch {
      // Without HTTPS browsers give no clipboard.
      select(code);
      return document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    }
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = await copy(document.getElementById(button.dataset.copy));
      setTimeout(() => (button.textContent = "Copy"), SAID_FOR);
    });
  }

  function show(event) {
    const name = document.createElement("strong");
    name.textContent = event.event_type || "–";
    const badge = document.createElement("span");
    badge.className = event.code === "accepted" ? "badge good" : "badge bad";
    badge.textContent = event.code;
    const at = new Date(event.seen_on).toLocaleTimeString();
    first.replaceChildren("Received: ", name, " ", badge, ` at ${at}`);
    first.parentElement.classList.toggle("arrived", event.code === "accepted");
  }

  async function refresh() {
    if (running || document.hidden) return;
    running = true;
    try {
      const response = await fetch(`${first.dataset.news}?after=${last}`, { signal: AbortSignal.timeout(TIMEOUT) });
      if (!response.ok || response.redirected) return;
      const news = await response.json();
      last = news.last;
      if (news.events.length) show(news.events[0]);
    } catch {
      // The server does not answer now; it is asked again.
    } finally {
      running = false;
    }
  }

  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, EVERY);
})();
