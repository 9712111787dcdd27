// The editor's comforts: Ctrl+Enter runs the query, an example fills the editor. Without this file the page works too.
"use strict";

(() => {
  const form = document.getElementById("query");
  const editor = document.getElementById("sql");
  const running = document.getElementById("running");

  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", () => {
    running.textContent = "Running…";
  });
  // The page may come back out of the browser's memory.
  addEventListener("pageshow", () => {
    running.textContent = "";
  });
  for (const example of document.querySelectorAll("[data-sql]")) {
    example.addEventListener("click", () => {
      editor.value = example.dataset.sql;
      editor.focus();
    });
  }
})();
