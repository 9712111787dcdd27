// The editors of steps: each keeps a hidden field of the bar's form in step with what stands in it, in the words of
// the query: EVENT_TYPE|COLUMN:OP:VALUE|…
"use strict";

(() => {
  const form = document.getElementById("filters");
  const VALUELESS = new Set(["set", "unset"]);

  const escaped = (text) => text.replaceAll("|", "\\|");
  const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

  function conditionText(item) {
    const column = part(item, "column").value.trim();
    const operator = part(item, "operator").value;
    const value = part(item, "value").value;
    if (!column || (!value && !VALUELESS.has(operator))) return "";
    return `${column.replaceAll(":", "\\:")}:${operator}:${VALUELESS.has(operator) ? "" : value}`;
  }

  function stepText(editor) {
    const type = part(editor, "type").value.trim();
    const conditions = [...editor.querySelectorAll("li")].map(conditionText).filter(Boolean);
    return type ? [type, ...conditions].map(escaped).join("|") : "";
  }

  function number() {
    for (const [index, editor] of [...document.querySelectorAll('#steps [data-step="step"]')].entries()) {
      const label = `Step ${index + 1}`;
      editor.querySelector(".step-label").textContent = label;
      editor.querySelector('[data-do="add-condition"]').ariaLabel = `Add a condition to ${label}`;
      editor.querySelector('[data-do="remove-step"]').ariaLabel = `Remove ${label}`;
    }
  }

  // One step alone is no funnel yet.
  function isComplete() {
    const steps = [...document.querySelectorAll('[name="step"]')];
    return !steps.length || steps.filter((field) => field.value).length !== 1;
  }

  function apply() {
    let changed = false;
    for (const editor of document.querySelectorAll("[data-step]")) {
      const field = editor.querySelector('input[type="hidden"]');
      const text = stepText(editor);
      changed ||= field.value !== text;
      field.value = text;
    }
    return changed && isComplete();
  }

  const actions = {
    "add-step"() {
      const steps = document.getElementById("steps");
      steps.append(document.getElementById("new-step").content.cloneNode(true));
      number();
      part(steps.lastElementChild, "type").focus();
    },
    "remove-step"(button) {
      button.closest("[data-step]").remove();
      number();
      document.querySelector('[data-do="add-step"]').focus();
      if (isComplete()) form.requestSubmit();
    },
    "add-condition"(button) {
      const list = button.closest("[data-step]").querySelector("ul");
      list.append(document.getElementById("new-condition").content.cloneNode(true));
      part(list.lastElementChild, "column").focus();
    },
    "remove-condition"(button) {
      const editor = button.closest("[data-step]");
      button.closest("li").remove();
      part(editor, "type").focus();
      if (apply()) form.requestSubmit();
    },
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-do]");
    actions[button?.dataset.do]?.(button);
  });
  document.addEventListener("change", ({ target }) => {
    if (target.dataset.part && apply()) form.requestSubmit();
  });
})();
