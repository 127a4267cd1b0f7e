(async () => {
  const charts = [...document.querySelectorAll("figure.chart")];
  const plot = chart => chart.querySelector(".plot");
  const say = text => charts.forEach(chart => { plot(chart).textContent = text; });

  const unpack = async () => {
    const packed = atob(document.getElementById("plotly-packed").textContent);
    const bytes = Uint8Array.from(packed, letter => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };

  const template = () => {
    const ink = getComputedStyle(document.body).color;
    const faint = ink.replace(/^rgba?\(([^,]+,[^,]+,[^,)]+).*$/, "rgba($1,0.15)");
    const axis = { gridcolor: faint, zerolinecolor: faint, linecolor: faint, automargin: true };
    return { layout: {
      font: { color: ink, family: "system-ui, sans-serif" }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: axis, yaxis: axis, shapedefaults: { line: { color: ink } },
      updatemenudefaults: { bgcolor: "rgba(128,128,128,0.3)", bordercolor: faint },
    } };
  };

  const draw = () => Promise.all(charts.map(chart => {
    const { data, layout } = JSON.parse(chart.querySelector("script").textContent);
    const options = { responsive: true, displaylogo: false };
    if (!plot(chart).classList.contains("js-plotly-plot")) plot(chart).textContent = "";
    return Plotly.react(plot(chart), data, { ...layout, template: template() }, options);
  }));

  if (!("DecompressionStream" in window)) {
    say("This browser is too old for the charts: Chrome 80, Firefox 113 or Safari 16.4 draws them.");
    return;
  }
  try {
    await unpack();
    await draw();
  } catch (error) {
    say(`The charts could not be drawn: ${error}`);
    throw error;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.addEventListener("themechange", draw);
})();
