// Stops the stream and lets it go on, by the button or the key P.
"use strict";

(() => {
  const report = document.getElementById("report");
  const button = document.getElementById("pause");
  if (!button) return;

  function toggle() {
    const paused = report.toggleAttribute("data-paused");
    button.ariaPressed = String(paused);
    button.textContent = paused ? "Go on" : "Pause";
    document.getElementById("stream-state").textContent = paused ? "Paused: nothing here changes." : "";
  }

  button.addEventListener("click", toggle);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "p" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
  });
})();
