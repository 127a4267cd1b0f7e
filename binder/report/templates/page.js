// What a reader can change: the theme, which chart is drawn, which rows are seen and in what order.
(() => {
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  const themes = { system: "light dark", light: "light", dark: "dark" };
  const theme = document.getElementById("theme");
  theme.hidden = false;
  let chosen = 0;
  theme.addEventListener("click", () => {
    chosen = (chosen + 1) % 3;
    const name = Object.keys(themes)[chosen];
    document.documentElement.style.colorScheme = themes[name];
    theme.textContent = `Theme: ${name}`;
    document.dispatchEvent(new Event("themechange"));
  });

  each(document, ".drawn", drawn => {
    const selects = [...drawn.querySelectorAll(".choose")];
    if (!selects.length) return;
    const [shown, choices] = drawn.querySelectorAll(".chart > script");
    const figures = JSON.parse(choices.textContent);
    const plot = drawn.querySelector(".plot");
    const draw = () => {
      const figure = figures[selects.map(select => select.value).join("-")];
      shown.textContent = JSON.stringify(figure);
      if (!plot.layout) return; // not drawn yet, or never: this browser is too old
      Plotly.react(plot, figure.data, { ...figure.layout, template: plot.layout.template });
    };
    selects.forEach(select => select.addEventListener("change", draw));
    if (selects.some(select => select.selectedIndex)) draw(); // kept by the browser when the page was loaded again
  });

  each(document, ".grid", grid => {
    const body = grid.querySelector("tbody");
    const rows = [...body.rows];
    const text = grid.querySelector(".filter-text");
    const status = grid.querySelector(".filter-status");

    const filter = () => {
      const words = text.value.toLowerCase().split(/\s+/);
      let seen = 0;
      rows.forEach(row => {
        const fits = words.every(word => row.textContent.toLowerCase().includes(word));
        const kind = row.querySelector(".status")?.lastChild.textContent.trim();
        row.hidden = !fits || Boolean(status?.value && kind !== status.value);
        seen += !row.hidden;
      });
      grid.querySelector("output").textContent = seen === rows.length ? `${seen} rows` : `${seen} of ${rows.length} rows`;
    };
    text?.addEventListener("input", filter);
    status?.addEventListener("change", filter);
    if (text?.value || status?.value) filter();

    each(grid, ".sort", (button, column) => button.addEventListener("click", () => {
      const head = button.parentElement;
      const up = head.ariaSort === "descending";
      each(grid, "th[aria-sort]", other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => row.cells[column].dataset.order;
      const name = row => row.cells[column].textContent;
      rows.sort((a, b) => {
        if ((key(a) === undefined) !== (key(b) === undefined)) return key(a) === undefined ? 1 : -1; // not measured: last
        const order = key(a) === undefined ? name(b).localeCompare(name(a)) : key(b) - key(a);
        return up ? -order : order;
      });
      body.append(...rows);
    }));
  });
})();
