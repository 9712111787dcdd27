// Draws the page's charts from the JSON beside them, and redraws them in place when it changes.
"use strict";

(() => {
  const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Of a panel where there are many, in pixels.
  const PANEL = 76;

  const payloadOf = (id) => JSON.parse(document.querySelector(`[data-live="${id}-payload"] script`).textContent);

  function readTheme() {
    Chart.defaults.font.family = token("--font");
    Chart.defaults.font.size = 12;
    Chart.defaults.color = token("--muted");
    Chart.defaults.borderColor = token("--grid");
    Chart.defaults.backgroundColor = token("--surface");
  }

  // A bar that is not complete is hatched, as a line that is not complete is dashed.
  function hatch(colour) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const context = tile.getContext("2d");
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    for (const shift of [-6, 0, 6]) {
      context.moveTo(shift, 6);
      context.lineTo(shift + 6, 0);
    }
    context.stroke();
    return context.createPattern(tile, "repeat");
  }

  function bars(series, payload) {
    const colour = token(`--series-${series.colour}`);
    const hatched = hatch(colour);
    return {
      label: series.label,
      data: series.values,
      previous: series.previous,
      stack: payload.stacked ? "all" : series.label,
      grouped: !payload.panels,
      backgroundColor: payload.incomplete.map((incomplete) => (incomplete ? hatched : colour)),
      legendColour: colour,
      borderColor: token("--surface"),
      borderWidth: payload.labels.length > 120 ? 0 : { top: 1 },
      barPercentage: 0.96,
      categoryPercentage: 0.9,
      maxBarThickness: 96,
      order: 1,
    };
  }

  function line(label, data, colour, payload, more) {
    const lonely = data.filter((value) => value !== null).length < 2;
    return {
      type: "line",
      label,
      data,
      borderColor: colour,
      backgroundColor: colour,
      legendColour: colour,
      borderWidth: 2,
      pointRadius: lonely ? 4 : 0,
      pointHoverRadius: 4,
      pointHitRadius: 8,
      segment: { borderDash: (point) => (payload.incomplete[point.p1DataIndex] ? [3, 4] : undefined) },
      ...more,
    };
  }

  function before(label, data, colour, payload) {
    const look = { borderWidth: 1.5, borderDash: [2, 3], segment: {}, stack: "before", order: 0, before: label, pointBackgroundColor: token("--surface") };
    return line(`${label}, previous period`, data, colour, payload, look);
  }

  // Series of different units have a panel each, one below the other over the same steps; its axis says what it is of.
  const panel = (index) => `y${index}`;

  // Three round numbers at most, in the lower four fifths.
  function fewTicks(min, max) {
    const least = (0.8 * (max - min)) / 2.5;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= least);
    return [0, 1, 2].map((count) => ({ value: (Math.ceil(min / step) + count) * step })).filter(({ value }) => value <= max - 0.2 * (max - min));
  }

  function panels(payload) {
    const scale = (series, index) => ({
      ...valueScale({ autoSkip: false }),
      stack: "panels",
      // The first is the topmost.
      weight: payload.series.length - index,
      bounds: "data",
      // A number at the top would stand on the zero of the panel above.
      afterDataLimits: (axis) => {
        axis.max += 0.25 * (axis.max - axis.min);
      },
      afterBuildTicks: (axis) => {
        axis.ticks = fewTicks(axis.min, axis.max);
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

  function datasets(payload) {
    const sets = payload.series.flatMap((series, index) => {
      const colour = token(`--series-${series.colour}`);
      const area = payload.kind === "area" ? { fill: payload.stacked && index ? "-1" : "origin", backgroundColor: `${colour}33` } : {};
      const own =
        payload.kind === "bar"
          ? bars(series, payload)
          : line(series.label, series.values, colour, payload, { previous: series.previous, ...area });
      const sets = series.previous ? [own, before(series.label, series.previous, colour, payload)] : [own];
      return payload.panels ? sets.map((set) => ({ ...set, yAxisID: panel(index) })) : sets;
    });
    return payload.previousTotal ? [...sets, before("All", payload.previousTotal, token("--muted"), payload)] : sets;
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
        generateLabels: (chart) =>
          chart.data.datasets.flatMap((set, datasetIndex) => {
            const hidden = !chart.isDatasetVisible(datasetIndex);
            const look = { fillStyle: set.legendColour, strokeStyle: set.legendColour, fontColor: token("--muted") };
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
      filter: (item) => item.raw !== null,
      callbacks: {
        title: (items) => (items.length ? items[0].chart.payload.titles[items[0].dataIndex] : ""),
        label: tooltipLabel,
        labelColor: (item) => ({ borderColor: item.dataset.legendColour, backgroundColor: item.dataset.legendColour }),
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
