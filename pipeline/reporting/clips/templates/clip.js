"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const { layout, numbers, shown, models, metrics } = data;
  const count = shown.length; // frames that have a picture
  const names = ["Density", ...models.map((one) => one.name)];
  const screen = at("screen"), pen = screen.getContext("2d");
  const [wide, high] = layout.tile;
  const small = document.createElement("canvas"), smallPen = small.getContext("2d", { willReadFrequently: true });
  const levels = new Uint32Array(256); // colour and opacity of each level of a map
  const colours = Uint8Array.from(atob(data.colours), (one) => one.charCodeAt(0));
  const tiles = [], lines = [], rows = [];
  const ready = new Map(); // pictures that are decoded, the latest last
  let place = -1, picked = 1, playing = 0, metric = Object.keys(metrics)[0];

  const make = (parent, tag, attributes = {}, text = "") => {
    const svg = parent instanceof SVGElement || tag === "svg";
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };
  const words = (value) => value === null ? "-" : value.toFixed(3);
  const sign = (name) => metrics[name] === "higher" ? 1 : -1;
  // Six colours and four dashes, so that colour alone tells nothing; 24 pairs.
  const dashes = ["", "8 4", "2 3", "12 3 2 3"];
  const look = (k) => ({ class: `series-${k % 6}`, "stroke-dasharray": dashes[(k + Math.floor(k / 6)) % 4] });

  // Pictures: a frame with its maps below it, decoded when it is needed and a little before.
  const picture = async (k) => {
    const known = ready.get(k);
    if (known) return known;
    const image = new Image();
    image.src = `data:image/webp;base64,${data.pictures[k]}`;
    const coming = image.decode().then(() => image);
    ready.set(k, coming);
    if (ready.size > 40) ready.delete(ready.keys().next().value);
    return coming;
  };
  const paint = () => {
    const rgba = new Uint8ClampedArray(levels.buffer), strength = Number(at("strength").value);
    const scale = at("scale").getContext("2d"), bar = scale.createImageData(256, 1);
    for (let level = 0; level < 256; level++) {
      for (let channel = 0; channel < 3; channel++) {
        rgba[4 * level + channel] = bar.data[4 * level + channel] = colours[3 * level + channel];
      }
      rgba[4 * level + 3] = strength * level;
      bar.data[4 * level + 3] = 255;
    }
    scale.putImageData(bar, 0, 0);
  };
  const lay = (image, tile, into, width, height) => { // a map over what is there
    const [left, top] = layout.places[tile];
    smallPen.drawImage(image, left, top, wide, high, 0, 0, wide, high);
    const found = smallPen.getImageData(0, 0, wide, high);
    const pixels = new Uint32Array(found.data.buffer);
    for (let k = 0; k < pixels.length; k++) pixels[k] = levels[(pixels[k] >> 8) & 255];
    smallPen.putImageData(found, 0, 0);
    into.drawImage(small, 0, 0, wide, high, 0, 0, width, height);
  };
  const draw = (image, k) => {
    const { width, height } = layout;
    pen.drawImage(image, 0, 0, width, height, 0, 0, width, height);
    if (at("map").checked) lay(image, picked, pen, width, height);
    if (at("gaze").checked) {
      const points = data.points[k], radius = Math.max(1.5, width / 120);
      pen.lineWidth = Math.max(0.7, width / 320);
      for (let one = 0; one < points.length; one += 2) {
        pen.beginPath();
        pen.arc(points[one] + 0.5, points[one + 1] + 0.5, radius, 0, 2 * Math.PI);
        pen.fillStyle = "white"; pen.strokeStyle = "black";
        pen.fill(); pen.stroke();
      }
    }
    tiles.forEach(({ into }, tile) => {
      into.drawImage(image, 0, 0, width, height, 0, 0, wide, high);
      lay(image, tile, into, wide, high);
    });
    screen.dataset.frame = numbers[shown[k]]; // what is on the screen now
  };

  // Which picture, model and metric.
  const show = async (k) => {
    place = Math.max(0, Math.min(count - 1, k));
    const wanted = place, image = await picture(wanted);
    if (wanted !== place) return; // another one was asked for meanwhile
    draw(image, wanted);
    const index = shown[wanted], text = `frame ${numbers[index]}`;
    screen.setAttribute("aria-label", `${text}, with the map ${names[picked]}`);
    models.forEach((one, k) => {
      const value = words(one.scores[metric][index]);
      rows[k].now.textContent = value;
      tiles[k + 1].score.textContent = ` ${value}`;
    });
    if (!at("seek")) return;
    at("seek").value = wanted;
    at("seek").setAttribute("aria-valuetext", text);
    at("clock").textContent = `${text} of ${numbers[0]} to ${numbers[numbers.length - 1]}`;
    const x = across(index);
    cursor.setAttribute("x1", x); cursor.setAttribute("x2", x);
    if (wanted + 1 < count) picture(wanted + 1);
  };
  const pick = (tile) => {
    picked = tile;
    tiles.forEach(({ button }, k) => button.setAttribute("aria-pressed", k === tile));
    models.forEach((_, k) => {
      rows[k].row.classList.toggle("picked", k + 1 === tile);
      lines[k]?.classList.toggle("picked", k + 1 === tile);
    });
    if (place >= 0) show(place);
  };
  const nearest = (index) => { // the picture nearest to a frame
    let best = 0;
    shown.forEach((one, k) => { if (Math.abs(one - index) < Math.abs(shown[best] - index)) best = k; });
    return best;
  };
  const stop = () => { clearTimeout(playing); playing = 0; at("play").textContent = "Play"; };
  const play = () => {
    if (playing) return stop();
    at("play").textContent = "Pause";
    if (place === count - 1) place = -1;
    const next = async () => {
      const before = place < 0 ? 0 : place;
      await show(place + 1);
      if (!playing) return;
      if (place >= count - 1) return stop();
      const frames = Math.max(1, shown[place] - shown[before]);
      playing = setTimeout(next, 1000 * frames / data.rate / Number(at("speed").value));
    };
    playing = setTimeout(next, 0);
  };
  const step = (by) => { if (playing) stop(); show(place + by); };

  // Scores.
  let cursor = null, low = 0, top = 1;
  const tall = 200, length = 1000;
  const across = (index) => numbers.length === 1 ? 0 : length * index / (numbers.length - 1);
  const path = (values) => {
    let text = "", broken = true;
    values.forEach((value, index) => {
      if (value === null) { broken = true; return; }
      const y = tall - tall * (value - low) / (top - low || 1);
      const alone = broken && (index + 1 >= values.length || values[index + 1] === null);
      text += `${broken ? "M" : "L"}${across(index).toFixed(1)} ${y.toFixed(1)}${alone ? "h1" : ""}`;
      broken = false;
    });
    return text;
  };
  const score = () => {
    at("direction").textContent = `${metrics[metric]} is better`;
    [low, top] = [0, -Infinity]; // values one by one: a call does not take those of a long clip
    for (const one of models) {
      for (const value of one.scores[metric]) {
        if (value === null) continue;
        low = Math.min(low, value); top = Math.max(top, value);
      }
    }
    top = Math.max(low + 1e-6, top);
    models.forEach((one, k) => {
      const values = one.scores[metric], known = values.filter((value) => value !== null);
      if (lines[k]) lines[k].setAttribute("d", path(values));
      if (!rows[k].mean) return;
      rows[k].mean.textContent = words(known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null);
      rows[k].worst.replaceChildren();
      // Of the frames with a picture, which hold the worst of the first metric.
      shown.map((index, k) => [values[index], k]).filter(([value]) => value !== null)
        .sort((a, b) => sign(metric) * (a[0] - b[0]) || a[1] - b[1]).slice(0, data.worst)
        .forEach(([value, place]) => {
          const number = numbers[shown[place]];
          const button = make(rows[k].worst, "button", { type: "button",
            "aria-label": `Frame ${number}, ${metric} ${words(value)}, map of ${one.name}` }, String(number));
          button.addEventListener("click", () => {
            if (playing) stop();
            pick(k + 1);
            show(place);
            screen.scrollIntoView({ block: "nearest" });
          });
        });
    });
    if (at("chart")) { at("high").textContent = `${metric} ${top.toFixed(2)}`; at("low").textContent = low.toFixed(2); }
    if (place >= 0) show(place);
  };
  const chart = () => {
    const into = at("chart");
    const ends = make(into, "div", { class: "ends" });
    make(ends, "span", { id: "high" });
    const plot = make(into, "svg", { viewBox: `0 0 ${length} ${tall}`, preserveAspectRatio: "none",
      role: "img", "aria-label": "Score of each model over time; the table below has the numbers" });
    models.forEach((_, k) => lines.push(make(plot, "path", look(k))));
    cursor = make(plot, "line", { class: "cursor", y1: 0, y2: tall, x1: 0, x2: 0 });
    const below = make(into, "div", { class: "ends" });
    make(below, "span", { id: "low" });
    make(below, "span", {}, `frames ${numbers[0]} to ${numbers[numbers.length - 1]}`);
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      if (playing) stop();
      show(nearest(Math.round((numbers.length - 1) * (event.clientX - box.left) / box.width)));
    });
  };

  screen.width = layout.width; screen.height = layout.height;
  small.width = wide; small.height = high;
  names.forEach((name, tile) => {
    const button = make(at("tiles"), "button", { type: "button", "aria-pressed": "false" });
    const canvas = make(button, "canvas", { width: wide, height: high, "aria-hidden": "true" });
    make(button, "span", {}, name);
    const value = make(button, "span");
    button.addEventListener("click", () => pick(tile));
    tiles.push({ button, into: canvas.getContext("2d"), score: value });
  });
  for (const name of Object.keys(metrics)) make(at("metric"), "option", { value: name }, name);
  if (at("chart")) chart();
  models.forEach((one, k) => {
    const row = make(at("rows"), "tr"), head = make(row, "th", { scope: "row" });
    const label = make(head, "label");
    if (at("chart")) {
      const box = make(label, "input", { type: "checkbox", checked: "" });
      const swatch = make(label, "svg", { class: `swatch ${look(k).class}`, viewBox: "0 0 48 16", "aria-hidden": "true" });
      make(swatch, "line", { x1: 0, x2: 48, y1: 8, y2: 8, "stroke-dasharray": look(k)["stroke-dasharray"] });
      box.addEventListener("change", () => lines[k].toggleAttribute("hidden", !box.checked));
    }
    make(label, "span", {}, one.name);
    const cells = { row, now: make(row, "td") };
    if (at("chart")) Object.assign(cells, { mean: make(row, "td"), worst: make(row, "td") });
    rows.push(cells);
  });
  at("metric").addEventListener("change", () => { metric = at("metric").value; score(); });
  for (const id of ["map", "gaze"]) at(id).addEventListener("change", () => show(place));
  at("strength").addEventListener("input", () => { paint(); show(place); });
  if (at("seek")) {
    at("seek").max = count - 1;
    at("seek").addEventListener("input", () => { if (playing) stop(); show(Number(at("seek").value)); });
    at("play").addEventListener("click", play);
    at("back").addEventListener("click", () => step(-1));
    at("on").addEventListener("click", () => step(1));
    screen.addEventListener("click", play);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const on = event.target, key = event.key.toLowerCase();
    if (on.matches("select")) return;
    if (key === "m") at("map").click();
    else if (key === "g") at("gaze").click();
    else if (!at("seek")) return;
    else if (key === " " && !on.matches("button, summary, input")) play();
    else if (key === "arrowleft" && !on.matches("input[type=range]")) step(-1);
    else if (key === "arrowright" && !on.matches("input[type=range]")) step(1);
    else return;
    event.preventDefault();
  });
  const asked = () => { // #frame-12: the picture nearest to the frame of that number
    const wanted = /^#frame-(\d+)$/.exec(location.hash);
    if (!wanted) return 0;
    const index = numbers.findIndex((one) => one >= Number(wanted[1]));
    return nearest(index < 0 ? numbers.length - 1 : index);
  };
  window.addEventListener("hashchange", () => show(asked()));
  paint();
  pick(1);
  show(asked());
  score();
})();
