// Light, dark, or as the system has it. This file blocks in the head, so that the page is never painted in the wrong one.
(() => {
  const root = document.documentElement;
  const remembered = () => {
    try {
      return localStorage.getItem("theme") || "auto";
    } catch {
      return "auto"; // a browser may keep no storage
    }
  };
  const apply = (choice) => {
    if (choice === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice;
  };
  apply(remembered());

  document.addEventListener("DOMContentLoaded", () => {
    const group = document.querySelector("[data-theme-switch]");
    if (!group) return;
    group.hidden = false;
    for (const input of group.querySelectorAll("input")) input.checked = input.value === remembered();
    group.addEventListener("change", (event) => {
      apply(event.target.value);
      try {
        localStorage.setItem("theme", event.target.value);
      } catch {
        // without storage the choice lasts for this page
      }
      document.dispatchEvent(new CustomEvent("theme:changed"));
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("theme:changed"));
  });
})();
