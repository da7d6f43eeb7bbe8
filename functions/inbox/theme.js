// Light, dark, or as the system says. A classic script, so that the choice holds before anything is drawn.
(() => {
  const choices = ["auto", "light", "dark"];
  let chosen = choices.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto";

  function show() {
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${chosen}`;
  }

  show();
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = choices[(choices.indexOf(chosen) + 1) % choices.length];
      localStorage.setItem("theme", chosen);
      show();
    });
  });
})();
