// Draws the page's charts from the JSON beside them, and redraws them in place when it changes.
"use strict";

(() => {
  const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const { token, panel, datasets } = chartLooks;

  // In pixels: the height of a panel where there are many, and the width of its axis.
  const PANEL = 66;
  const AXIS = 62;

  const payloadOf = (id) => JSON.parse(document.querySelector(`[data-live="${id}-payload"] script`).textContent);

  function readTheme() {
    Chart.defaults.font.family = token("--font");
    Chart.defaults.font.size = 12;
    Chart.defaults.color = token("--muted");
    Chart.defaults.borderColor = token("--grid");
    Chart.defaults.backgroundColor = token("--surface");
  }

  // Room above the values of a panel, as a part of them: a number there would stand on the zero of the panel above.
  const HEADROOM = 0.35;

  // Three round numbers at most, none of them in the headroom.
  function fewTicks({ min, max }) {
    const span = (max - min) / (1 + HEADROOM);
    const power = 10 ** Math.floor(Math.log10(span / 2.5));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= span / 2.5);
    const values = [0, 1, 2].map((count) => (Math.ceil(min / step) + count) * step);
    return values.filter((value) => value <= min + span).map((value) => ({ value }));
  }

  // Series of different units have a panel each, one below the other over the same steps; its axis says what it is of.
  function panels(payload) {
    const scale = (series, index) => ({
      ...valueScale({ autoSkip: false }),
      stack: "panels",
      // The first is the topmost.
      weight: payload.series.length - index,
      bounds: "data",
      afterDataLimits: (axis) => {
        axis.max += HEADROOM * (axis.max - axis.min);
      },
      afterBuildTicks: (axis) => {
        axis.ticks = fewTicks(axis);
      },
      // On a phone Chart.js would share out a half of the chart among all panels' axes.
      afterFit: (axis) => {
        axis.width = AXIS;
      },
      title: { display: true, text: series.label, color: token("--text") },
    });
    return Object.fromEntries(payload.series.map((series, index) => [panel(index), scale(series, index)]));
  }

  function valueScale(ticks) {
    return {
      beginAtZero: true,
      border: { display: false },
      ticks: { ...ticks, callback: (value) => compact.format(value).replace("K", "k") },
    };
  }

  // A note is a faint upright line at its step; the text is in the list below the chart and in the tooltip.
  const notes = {
    id: "notes",
    beforeDatasetsDraw({ ctx, chartArea, scales, payload }) {
      ctx.save();
      ctx.strokeStyle = token("--muted");
      ctx.setLineDash([2, 2]);
      for (const note of payload?.annotations ?? []) {
        const x = Math.round(scales.x.getPixelForValue(note.step)) + 0.5;
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
      }
      ctx.restore();
    },
  };

  function tooltipLabel(item) {
    const { payload } = item.chart;
    const set = item.dataset;
    if (set.before) {
      return ` ${set.label}: ${exact.format(item.raw)} (${payload.previousTitles[item.dataIndex]})`;
    }
    const text = ` ${set.label}: ${exact.format(item.raw)}`;
    const total = payload.series.reduce((sum, series) => sum + (series.values[item.dataIndex] ?? 0), 0);
    return payload.stacked && total ? `${text} (${((100 * item.raw) / total).toFixed(1)}%)` : text;
  }

  function tooltipFooter(items) {
    const payload = items[0]?.chart.payload;
    if (!payload) return "";
    const index = items[0].dataIndex;
    const sum = payload.series.reduce((total, series) => total + (series.values[index] ?? 0), 0);
    const texts = payload.annotations.filter((note) => note.step === index).map((note) => note.text);
    return payload.stacked ? [`All: ${exact.format(sum)}`, ...texts] : texts;
  }

  function options(payload) {
    // The period before shares its series' entry: both are shown or hidden together.
    const legend = {
      display: !payload.panels,
      align: "start",
      labels: {
        boxWidth: 10,
        boxHeight: 10,
        usePointStyle: true,
        generateLabels: (chart) =>
          chart.data.datasets.flatMap((set, datasetIndex) => {
            const hidden = !chart.isDatasetVisible(datasetIndex);
            const { colour, shape } = set.legend;
            const look = { fillStyle: colour, strokeStyle: colour, pointStyle: shape, fontColor: token("--muted") };
            return set.before ? [] : [{ text: set.label, datasetIndex, hidden, ...look }];
          }),
      },
      onClick: (_, item, { chart }) => {
        const visible = !chart.isDatasetVisible(item.datasetIndex);
        chart.data.datasets.forEach((set, index) => {
          if (index === item.datasetIndex || set.before === item.text) chart.setDatasetVisibility(index, visible);
        });
        chart.update("none");
      },
    };
    const tooltip = {
      backgroundColor: token("--text"),
      titleColor: token("--surface"),
      bodyColor: token("--surface"),
      footerColor: token("--surface"),
      padding: 10,
      boxPadding: 4,
      usePointStyle: true,
      filter: (item) => item.raw !== null,
      callbacks: {
        title: (items) => (items.length ? items[0].chart.payload.titles[items[0].dataIndex] : ""),
        label: tooltipLabel,
        labelColor: ({ dataset: { legend } }) => ({ borderColor: legend.colour, backgroundColor: legend.colour }),
        labelPointStyle: ({ dataset: { legend } }) => ({ pointStyle: legend.shape, rotation: 0 }),
        footer: tooltipFooter,
      },
    };
    return {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend, tooltip },
      scales: {
        x: {
          stacked: payload.stacked,
          grid: { display: false },
          ticks: { maxRotation: 0, autoSkipPadding: 16 },
          title: { display: Boolean(payload.axisTitle), text: payload.axisTitle },
        },
        ...(payload.panels ? panels(payload) : { y: { ...valueScale({ maxTicksLimit: 5 }), stacked: payload.stacked, suggestedMax: 4 } }),
      },
    };
  }

  function draw(id) {
    const payload = payloadOf(id);
    const existing = Chart.getChart(id);
    const chart = existing ?? new Chart(id, { type: "bar", data: { labels: [], datasets: [] }, options: options(payload), plugins: [notes] });
    const hidden = new Set(chart.data.datasets.filter((_, i) => !chart.isDatasetVisible(i)).map((set) => set.label));
    chart.payload = payload;
    chart.canvas.ariaLabel = payload.summary;
    chart.canvas.parentElement.style.height = payload.series.length > 3 && payload.panels ? `${PANEL * payload.series.length}px` : "";
    chart.options = options(payload);
    chart.data.labels = payload.labels;
    chart.data.datasets = datasets(payload).map((set) => ({ ...set, hidden: hidden.has(set.label) }));
    chart.update("none");
  }

  function drawAll() {
    readTheme();
    for (const list of document.querySelectorAll("[data-live-charts]")) {
      for (const id of list.dataset.liveCharts.split(" ").filter(Boolean)) draw(id);
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.drawCharts = drawAll;
  drawAll();
})();
