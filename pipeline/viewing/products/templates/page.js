"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const source = at("source"), screen = at("screen");
  const { width, height, map, times, regions, still } = data;
  const count = times.length - 1; // the last entry is when the last frame goes
  const pen = screen.getContext("2d", { alpha: false });
  const grid = document.createElement("canvas");
  const gridPen = grid.getContext("2d", { willReadFrequently: true });
  const levels = new Uint32Array(256); // colour and opacity of each level of the map
  let frame = -1, drawn = false;
  let wanted = null, going = null; // frames that a seek is to lead to, and leads to

  const make = (parent, tag, attributes = {}, text = "") => {
    const svg = parent instanceof SVGElement || tag === "svg";
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    if (tag === "svg") made.setAttribute("aria-hidden", "true");
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };
  const bytes = (text) => Uint8Array.fromBase64 ? Uint8Array.fromBase64(text)
    : Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const fault = (text) => { at("fault").textContent = text; at("fault").hidden = false; };

  // The picture and its map.
  const paint = () => {
    const colours = bytes(data.colours[at("colours").value]);
    const rgba = new Uint8ClampedArray(levels.buffer), strength = Number(at("strength").value);
    const scale = at("scale").getContext("2d"), shown = scale.createImageData(256, 1);
    for (let level = 0; level < 256; level++) {
      for (let channel = 0; channel < 3; channel++) {
        rgba[4 * level + channel] = shown.data[4 * level + channel] = colours[3 * level + channel];
      }
      rgba[4 * level + 3] = strength * level;
      shown.data[4 * level + 3] = 255;
    }
    scale.putImageData(shown, 0, 0);
    at("strength-shown").textContent = `${Math.round(100 * strength)} %`;
    draw();
  };
  const draw = () => {
    if (!drawn) return;
    pen.drawImage(source, 0, 0, width, height, 0, 0, width, height);
    if (!at("map").checked) return;
    gridPen.drawImage(source, 0, map.top, map.width, map.height, 0, 0, map.width, map.height);
    const found = gridPen.getImageData(0, 0, map.width, map.height);
    const words = new Uint32Array(found.data.buffer);
    for (let k = 0; k < words.length; k++) words[k] = levels[(words[k] >> 8) & 255];
    gridPen.putImageData(found, 0, 0);
    pen.drawImage(grid, 0, 0, map.width, map.height, 0, 0, width, height);
  };

  // Numbers of the frame that is shown.
  const cells = {}, shares = [], gates = [];
  const percent = (value) => value === null ? "-" : `${(100 * value).toFixed(1)} %`;
  const clock = (seconds) => {
    const minutes = Math.floor(seconds / 60), rest = (seconds - 60 * minutes).toFixed(2);
    return `${minutes}:${rest.padStart(5, "0")}`;
  };
  const shotOf = (index) => {
    let low = 0, high = data.shots.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (data.shots[middle] <= index) low = middle; else high = middle;
    }
    return low;
  };
  const show = (index) => {
    if (index === frame) return;
    frame = index;
    for (const [name, values] of Object.entries(data.numbers)) cells[name].textContent = values[index];
    regions.forEach((one, k) => {
      shares[k].textContent = percent(one.shares[index]);
      if (one.gates) gates[k].textContent = one.gates[index];
      outline(one, one.shown[index]);
    });
    if (still) return;
    const words = `frame ${index + 1} of ${count}, ${clock(times[index])}`;
    cells.Frame.textContent = `${index + 1} of ${count}`;
    cells.Shot.textContent = `${shotOf(index) + 1} of ${data.shots.length}`;
    at("clock").textContent = `${clock(times[index])} / ${clock(times[count])}`;
    const chart = at("chart");
    chart.setAttribute("aria-valuenow", index);
    chart.setAttribute("aria-valuetext", words);
    cursor.style.left = `${100 * times[index] / times[count]}%`;
  };
  const number = (name) => {
    make(at("numbers"), "dt", {}, name);
    cells[name] = make(at("numbers"), "dd");
  };

  const outline = (one, counts) => {
    for (const part of one.parts) part.toggleAttribute("hidden", !(one.box.checked && counts));
  };

  // Regions: outlines and names on the picture, a line in the table and one in the chart.
  const dashes = ["", "6 3", "2 2"]; // so that colour alone tells nothing
  const look = (k) => ({ class: `region-${k % 6}`, "stroke-dasharray": dashes[Math.floor(k / 6) % 3] });
  const outlined = (one, k) => {
    const parts = [], points = one.points.map((point) => point.join()).join(" ");
    parts.push(make(at("outlines"), "polygon", { class: "under", points }));
    parts.push(make(at("outlines"), "polygon", { ...look(k), points }));
    const name = make(at("names"), "span", { class: look(k).class }, one.name);
    name.style.left = `${100 * Math.min(...one.points.map((point) => point[0]))}%`;
    name.style.top = `${100 * Math.min(...one.points.map((point) => point[1]))}%`;
    parts.push(name);
    const row = make(at("regions"), "tr");
    const label = make(make(row, "th", { scope: "row" }), "label");
    const box = make(label, "input", { type: "checkbox", checked: "" });
    const swatch = make(label, "svg", { class: `swatch ${look(k).class}`, viewBox: "0 0 32 16" });
    make(swatch, "line", { x1: 0, x2: 32, y1: 8, y2: 8, "stroke-dasharray": look(k)["stroke-dasharray"] });
    make(label, "span", {}, one.name);
    shares.push(make(row, "td"));
    if (!still) {
      const known = one.shares.map((share, index) => [share, times[index + 1] - times[index]])
        .filter(([share]) => share !== null);
      const whole = known.reduce((sum, [, lasts]) => sum + lasts, 0);
      const mean = known.reduce((sum, [share, lasts]) => sum + share * lasts, 0) / whole;
      make(row, "td", {}, percent(whole ? mean : null));
    }
    if (one.gates) gates.push(make(row, "td"));
    Object.assign(one, { box, parts });
    box.addEventListener("change", () => {
      outline(one, one.shown[frame]);
      one.line?.toggleAttribute("hidden", !box.checked);
    });
  };

  // The chart: x is time, so that frames that last differently are as wide as they last.
  const wide = 1000, tall = 100;
  const finest = 2000, most = 200; // steps of a line, and cuts, that can be told apart
  const bundle = Math.ceil(count / finest);
  let cursor = null;
  const path = (values, top) => {
    const x = (index) => (wide * times[index] / times[count]).toFixed(2);
    const cuts = new Set(data.shots);
    let text = "", broken = true;
    for (let start = 0; start < count; start += bundle) {
      const stop = Math.min(start + bundle, count);
      for (let k = start; k < stop; k++) broken ||= cuts.has(k);
      const known = values.slice(start, stop).filter((value) => value !== null);
      if (!known.length) { broken = true; continue; }
      const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
      text += `${broken ? "M" : "L"}${x(start)} ${(tall - tall * Math.min(1, mean / top)).toFixed(2)}`;
      text += `H${x(stop)}`;
      broken = false;
    }
    return text;
  };
  const chart = () => {
    const into = at("chart");
    for (const lane of data.lanes) {
      const box = make(into, "div", { class: "lane" });
      const head = make(box, "div", { class: "name" });
      make(head, "span", {}, lane.name);
      make(head, "span", {}, `0 to ${lane.top}`);
      const plot = make(box, "svg", { viewBox: `0 0 ${wide} ${tall}`, preserveAspectRatio: "none" });
      if (lane.values) make(plot, "path", { d: path(lane.values, lane.top) });
      else regions.forEach((one, k) => {
        one.line = make(plot, "path", { ...look(k), d: path(one.shares, lane.top) });
      });
    }
    const ticks = make(into, "div", { class: "ticks" }), whole = times[count];
    const every = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]
      .find((one) => whole / one <= 6) || whole;
    for (let tick = 0; tick < whole * .95; tick += every) {
      const text = every < 1 ? `${tick.toFixed(1)} s` : clock(tick).slice(0, -3);
      make(ticks, "span", {}, text).style.left = `${100 * tick / whole}%`;
    }
    const cuts = data.shots.slice(1), marked = cuts.length <= most;
    at("cuts").hidden = !marked || !cuts.length;
    at("many").hidden = marked;
    at("means").hidden = bundle === 1;
    at("means").textContent = `A step is the mean of ${bundle} frames.`;
    for (const first of marked ? cuts : []) {
      make(into, "div", { class: "cut" }).style.left = `${100 * times[first] / whole}%`;
    }
    cursor = make(into, "div", { class: "cursor" });
    into.setAttribute("aria-valuemin", 0);
    into.setAttribute("aria-valuemax", count - 1);
  };

  // Time: which frame is shown, and going to one.
  const frameAt = (seconds) => { // the last one that appears by then
    let low = 0, high = count;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= seconds) low = middle; else high = middle;
    }
    return low;
  };
  const nearest = (seconds) => { // the one whose own time it is, but for rounding
    const index = frameAt(seconds);
    return index + 1 < count && times[index + 1] - seconds < seconds - times[index] ? index + 1 : index;
  };
  const go = () => { // into the middle of a frame, which no rounding leads out of
    going = wanted;
    source.currentTime = data.start + (times[going] + times[going + 1]) / 2;
  };
  const seek = (index) => {
    if (!source.readyState) return;
    const waits = wanted !== null;
    wanted = Math.max(0, Math.min(count - 1, index));
    if (!waits) go();
  };
  const step = (frames) => { source.pause(); seek((wanted ?? frame) + frames); };
  const stepSeconds = (seconds) => seek(frameAt(times[wanted ?? frame] + seconds + 1e-6));
  const play = () => {
    if (!source.paused) return source.pause();
    source.play().catch((error) => fault(`The film cannot be played: ${error.message}`));
  };
  const film = () => {
    const parts = [...document.querySelectorAll(".film")].map((part) => {
      const found = bytes(part.textContent);
      part.remove();
      return found;
    });
    const shown = (seconds) => { drawn = true; draw(); show(nearest(seconds)); };
    if (source.requestVideoFrameCallback) {
      const next = (_, about) => { source.requestVideoFrameCallback(next); shown(about.mediaTime - data.start); };
      source.requestVideoFrameCallback(next);
    } else { // older browsers say only where they are
      const now = () => { drawn = true; draw(); show(frameAt(source.currentTime - data.start)); };
      const follow = () => { now(); if (!source.paused) requestAnimationFrame(follow); };
      source.addEventListener("play", follow);
      source.addEventListener("seeked", now);
    }
    source.addEventListener("loadedmetadata", () => seek(0), { once: true });
    source.addEventListener("seeked", () => {
      if (wanted !== going) go(); else wanted = going = null; // the last of a drag is what counts
    });
    source.addEventListener("error", () => fault(
      "This browser cannot play the film (H.264): open the page in another one."));
    for (const [event, text] of [["play", "Pause"], ["pause", "Play"], ["ended", "Play"]]) {
      source.addEventListener(event, () => { at("play").textContent = text; });
    }
    source.src = URL.createObjectURL(new Blob(parts, { type: "video/mp4" }));

    at("play").addEventListener("click", play);
    at("back").addEventListener("click", () => step(-1));
    at("on").addEventListener("click", () => step(1));
    at("speed").addEventListener("change", () => { source.playbackRate = Number(at("speed").value); });
    at("sound")?.addEventListener("change", () => { source.muted = !at("sound").checked; });
    screen.addEventListener("click", play);
    const into = at("chart");
    let plays = false;
    const follow = (event) => {
      const box = into.getBoundingClientRect();
      seek(frameAt(times[count] * (event.clientX - box.left) / box.width));
    };
    into.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      into.setPointerCapture(event.pointerId);
      plays = !source.paused;
      source.pause();
      follow(event);
    });
    into.addEventListener("pointermove", (event) => {
      if (into.hasPointerCapture(event.pointerId)) follow(event);
    });
    into.addEventListener("lostpointercapture", () => { if (plays) play(); });
  };
  const keys = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const on = event.target, key = event.key.toLowerCase();
    const field = on.matches("select, input[type=range]");
    if (key === "m" && !on.matches("select")) at("map").click();
    else if (still) return;
    else if (key === " " && !on.matches("button, summary, select, input[type=checkbox]")) play();
    else if (key === "arrowleft" && !field) event.shiftKey ? stepSeconds(-1) : step(-1);
    else if (key === "arrowright" && !field) event.shiftKey ? stepSeconds(1) : step(1);
    else if (key === "home" && on === at("chart")) seek(0);
    else if (key === "end" && on === at("chart")) seek(count - 1);
    else return;
    event.preventDefault();
  };

  screen.width = width;
  screen.height = height;
  at("stage").style.setProperty("--ratio", width / height);
  grid.width = map.width;
  grid.height = map.height;
  for (const name of [...(still ? [] : ["Frame", "Shot"]), ...Object.keys(data.numbers)]) number(name);
  regions.forEach(outlined);
  for (const id of ["strength", "colours", "map"]) at(id).addEventListener("input", paint);
  document.addEventListener("keydown", keys);
  paint();
  if (still) {
    source.decode().then(() => { drawn = true; draw(); show(0); });
  } else {
    chart();
    film();
  }
})();
