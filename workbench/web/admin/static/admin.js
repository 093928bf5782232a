// What the admin's pages did by handlers in their attributes, and the colours that its own style sheet knows by another name.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = () => {
    const choice = root.dataset.theme;
    root.dataset.bsTheme = choice || (dark.matches ? "dark" : "light");
  };
  colour();
  document.addEventListener("theme:changed", colour);

  document.addEventListener("DOMContentLoaded", () => {
    // The library's frame names no main part, and whoever hears the page wants to go there.
    document.querySelector(".page-wrapper")?.setAttribute("role", "main");
    if (matchMedia("(max-width: 960px)").matches) document.querySelector(".admin-rail details")?.removeAttribute("open");
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-columns]")) window.applyColumnVisibility();
  });
  document.addEventListener("change", (event) => {
    const select = event.target.closest("[data-go]");
    if (select) window.location.assign(select.value);
  });
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr[data-sa-href]");
    if (row && event.key === "Enter" && event.target === row) window.location.assign(row.dataset.saHref);
  });
})();
