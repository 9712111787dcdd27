// How the series of a chart look: their datasets for Chart.js.
// Series of the same colour have marks that differ: shapes on a line, patterns in a bar.
"use strict";

const chartLooks = (() => {
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const SHAPES = ["rect", "triangle", "circle", "rectRot", "star"];
  // Shapes of a line, however many steps it has.
  const SHAPES_OF_A_LINE = 12;
  const TILE = 6;

  function pattern(draw) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = TILE;
    const context = tile.getContext("2d");
    context.lineWidth = 1.6;
    draw(context);
    return context.createPattern(tile, "repeat");
  }

  // A bar that is not complete is hatched, as a line that is not complete is dashed.
  function hatch(colour, mark) {
    return pattern((context) => {
      context.strokeStyle = colour;
      for (const shift of [-TILE, 0, TILE]) {
        context.moveTo(shift, mark ? 0 : TILE);
        context.lineTo(shift + TILE, mark ? TILE : 0);
      }
      context.stroke();
    });
  }

  function filled(colour, mark) {
    if (!mark) return colour;
    return pattern((context) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, TILE, TILE);
      context.fillStyle = token("--surface");
      if (mark === 1) context.fillRect(2, 2, 2, 2);
      if (mark === 2 || mark === 4) context.fillRect(0, 2, TILE, 1.5);
      if (mark === 3 || mark === 4) context.fillRect(2, 0, 1.5, TILE);
    });
  }

  function bars(series, payload) {
    const colour = token(`--series-${series.colour}`);
    const [whole, begun] = [filled(colour, series.mark), hatch(colour, series.mark)];
    return {
      label: series.label,
      data: series.values,
      previous: series.previous,
      stack: payload.stacked ? "all" : series.label,
      grouped: !payload.panels,
      backgroundColor: payload.incomplete.map((incomplete) => (incomplete ? begun : whole)),
      legend: { colour: whole, shape: "rect" },
      borderColor: token("--surface"),
      borderWidth: payload.labels.length > 120 ? 0 : { top: 1 },
      barPercentage: 0.96,
      categoryPercentage: 0.9,
      maxBarThickness: 96,
      order: 1,
    };
  }

  function radii(data, mark) {
    if (data.filter((value) => value !== null).length < 2) return 4;
    const every = Math.ceil(data.length / SHAPES_OF_A_LINE);
    return mark ? data.map((_, step) => (step % every ? 0 : 4)) : 0;
  }

  function line(label, data, { colour, mark }, payload, more) {
    const paint = token(colour);
    return {
      type: "line",
      label,
      data,
      borderColor: paint,
      backgroundColor: paint,
      legend: { colour: paint, shape: SHAPES[mark] },
      borderWidth: 2,
      pointStyle: mark ? SHAPES[mark] : "circle",
      pointRadius: radii(data, mark),
      pointBackgroundColor: paint,
      pointHoverRadius: 4,
      pointHitRadius: 8,
      segment: { borderDash: (point) => (payload.incomplete[point.p1DataIndex] ? [3, 4] : undefined) },
      ...more,
    };
  }

  function before(label, data, look, payload) {
    const dotted = { borderWidth: 1.5, borderDash: [2, 3], segment: {}, stack: "before", order: 0, before: label, pointBackgroundColor: token("--surface") };
    return line(`${label}, previous period`, data, look, payload, dotted);
  }

  // Each panel's scale.
  const panel = (index) => `y${index}`;

  function datasets(payload) {
    const sets = payload.series.flatMap((series, index) => {
      const look = { colour: `--series-${series.colour}`, mark: series.mark };
      const area =
        payload.kind === "area" ? { fill: payload.stacked && index ? "-1" : "origin", backgroundColor: `${token(look.colour)}33` } : {};
      const own =
        payload.kind === "bar"
          ? bars(series, payload)
          : line(series.label, series.values, look, payload, { previous: series.previous, ...area });
      const sets = series.previous ? [own, before(series.label, series.previous, look, payload)] : [own];
      return payload.panels ? sets.map((set) => ({ ...set, yAxisID: panel(index) })) : sets;
    });
    return payload.previousTotal ? [...sets, before("All", payload.previousTotal, { colour: "--muted", mark: 0 }, payload)] : sets;
  }

  return { token, panel, datasets };
})();
