// Tabs as ARIA has them: arrow keys, Home and End move; only the chosen tab is in the tab order.

export function tabs(list) {
  const all = [...list.querySelectorAll("[role=tab]")];

  function choose(tab) {
    for (const each of all) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
    }
  }

  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = all.indexOf(document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = all.at(steps[event.key] % all.length);
    next.focus();
    choose(next);
  });
}
