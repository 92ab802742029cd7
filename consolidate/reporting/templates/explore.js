"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const COLOURS = ["#66717c", "#0a64a4", "#b8480a", "#00765a", "#8a4b86", "#7a5200", "#1b2733"];
  const arms = [...new Set(data.runs.flatMap((run) => run.arms.map((arm) => arm.label)))];
  const colour = (label) => COLOURS[arms.indexOf(label) % COLOURS.length];
  const byId = (id) => document.getElementById(id);

  // Text only ever enters the page as text.
  const make = (name, attributes, text) => {
    const svg = ["svg", "g", "rect", "text", "polyline", "line", "title"].includes(name);
    const node = svg
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const shown = (value) => {
    if (value === 0) return "0";
    const size = Math.floor(Math.log10(Math.abs(value)));
    return value.toLocaleString("en", {
      maximumSignificantDigits: Math.max(3, Math.min(size + 1, 15)),
    });
  };

  // The choice lives in the address: #measure=...&runs=0,1&arms=0,2&which=0&at=5
  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    const list = (key, count) => {
      const wanted = given.has(key) ? given.get(key).split(",").map(Number) : null;
      return new Set([...Array(count).keys()].filter((k) => !wanted || wanted.includes(k)));
    };
    const keys = data.measures.map((m) => m.key);
    const whole = (key) => Math.max(0, Math.trunc(Number(given.get(key))) || 0);
    return {
      measure: keys.includes(given.get("measure")) ? given.get("measure") : keys[0],
      runs: list("runs", data.runs.length),
      arms: list("arms", arms.length),
      which: Math.min(whole("which"), data.runs.length - 1),
      at: given.has("at") ? whole("at") : null,
    };
  };
  const state = read();
  const keep = () => {
    const parts = [
      `measure=${state.measure}`,
      `runs=${[...state.runs].join(",")}`,
      `arms=${[...state.arms].join(",")}`,
      `which=${state.which}`,
    ];
    if (state.at !== null) parts.push(`at=${state.at}`);
    history.replaceState(null, "", `#${parts.join("&")}`);
  };

  const drawBars = () => {
    const measure = data.measures.find((m) => m.key === state.measure);
    const scale = measure.share ? 100 : 1;
    const rows = data.runs.flatMap((run, r) =>
      !state.runs.has(r)
        ? []
        : run.arms
            .filter((arm) => state.arms.has(arms.indexOf(arm.label)) && measure.key in arm.values)
            .map((arm) => ({ run: run.name, label: arm.label, value: scale * arm.values[measure.key] })),
    );
    const low = Math.min(0, ...rows.map((row) => row.value));
    const high = Math.max(0, ...rows.map((row) => row.value));
    const width = 1000, left = 260, right = 110, step = 26;
    const x = (value) => left + ((value - low) / (high - low || 1)) * (width - left - right);
    const svg = make("svg", { viewBox: `0 0 ${width} ${rows.length * step + 8}` });
    rows.forEach((row, k) => {
      const y = k * step + 4;
      const words = `${row.run}, ${row.label}: ${shown(row.value)} (${measure.words})`;
      const bar = make("rect", {
        class: "bar", tabindex: 0, x: Math.min(x(0), x(row.value)), y,
        width: Math.max(Math.abs(x(row.value) - x(0)), 1), height: step - 8, fill: colour(row.label),
      });
      bar.append(make("title", {}, words));
      const name = make("text", { x: left - 8, y: y + 13, "text-anchor": "end" });
      name.textContent = `${row.run}  ${row.label}`;
      svg.append(bar, name);
      svg.append(make("text", { class: "soft value", x: x(Math.max(row.value, 0)) + 6, y: y + 13 }, shown(row.value)));
    });
    byId("bars").replaceChildren(svg);
  };

  const drawLine = () => {
    const run = data.runs[state.which];
    const lines = run.arms.filter((arm) => state.arms.has(arms.indexOf(arm.label)));
    const most = Math.max(1, ...lines.flatMap((arm) => arm.power_w));
    const width = 1000, height = 300, left = 70, bottom = 30;
    const end = run.hours[run.hours.length - 1];
    const x = (hour) => left + (hour / end) * (width - left - 10);
    const y = (watts) => 10 + (1 - watts / (1.05 * most)) * (height - bottom - 10);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}` });
    for (const share of [0, 0.5, 1]) {
      svg.append(make("line", { class: "axis", x1: left, x2: width - 10, y1: y(share * most), y2: y(share * most) }));
      svg.append(make("text", { class: "soft", x: left - 6, y: y(share * most) + 4, "text-anchor": "end" }, `${shown(share * most)} W`));
    }
    svg.append(make("text", { class: "soft", x: width - 10, y: height - 8, "text-anchor": "end" }, `${shown(end)} h from ${run.start}`));
    for (const arm of lines) {
      const points = arm.power_w.flatMap((w, k) => [`${x(run.hours[k])},${y(w)}`, `${x(run.hours[k + 1])},${y(w)}`]);
      svg.append(make("polyline", { class: "power", points: points.join(" "), fill: "none", stroke: colour(arm.label), "stroke-width": 1.6 }));
    }
    if (state.at !== null && lines.length) {
      const k = Math.min(state.at, lines[0].power_w.length - 1);
      svg.append(make("line", { class: "cursor", x1: x(run.hours[k]), x2: x(run.hours[k]), y1: 10, y2: height - bottom, stroke: "#1b2733" }));
      const values = lines.map((arm) => `${arm.label} ${shown(arm.power_w[k])} W`);
      byId("reading").textContent = `after ${shown(run.hours[k])} h: ${values.join(", ")}`;
    }
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const hour = (((event.clientX - box.left) / box.width) * width - left) / (width - left - 10) * end;
      const k = run.hours.findLastIndex((h) => h <= hour);
      state.at = Math.max(0, Math.min(k, run.hours.length - 2));
      draw();
    });
    byId("line").replaceChildren(svg);
  };

  const draw = () => { drawBars(); drawLine(); keep(); };

  const boxes = (id, names, chosen, tint) =>
    names.forEach((name, k) => {
      const box = make("input", { type: "checkbox" });
      box.checked = chosen.has(k);
      box.addEventListener("change", () => { box.checked ? chosen.add(k) : chosen.delete(k); draw(); });
      const label = make("label");
      label.append(box, ` ${name}`);
      if (tint) box.style.accentColor = colour(name);
      byId(id).append(label);
    });
  boxes("runs", data.runs.map((run) => run.name), state.runs, false);
  boxes("arms", arms, state.arms, true);
  data.runs.forEach((run, k) => byId("which").append(make("option", { value: k }, run.name)));
  byId("measure").value = state.measure;
  byId("which").value = state.which;
  byId("measure").addEventListener("change", (event) => { state.measure = event.target.value; draw(); });
  byId("which").addEventListener("change", (event) => { state.which = Number(event.target.value); state.at = null; draw(); });
  byId("line").tabIndex = 0;
  byId("line").addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const last = data.runs[state.which].hours.length - 2;
    state.at = Math.max(0, Math.min((state.at === null ? -1 : state.at) + move, last));
    draw();
  });
  byId("choice").addEventListener("submit", (event) => event.preventDefault());
  draw();
})();
