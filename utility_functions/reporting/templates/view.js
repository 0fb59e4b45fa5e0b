"use strict";
/* The view of one scan: what the buttons do, the names over the slices, and the corrected centroids. */

const facts = JSON.parse(document.getElementById("facts").textContent);
const byId = (id) => document.getElementById(id);
const AXIAL = 0, CORONAL = 1, SAGITTAL = 2, RENDER = 4;
const LAYOUTS = { All: null, Slices: null, Sagittal: SAGITTAL, Coronal: CORONAL, Axial: AXIAL, "3D": RENDER };
const NARROW_PX = 620; // of the stage: below it the tiles stand in two rows
const NAME_MM = 26; // a name stands this far beside the centre of its vertebra
const EDGES = { [SAGITTAL]: "APSI", [CORONAL]: "RLSI", [AXIAL]: "RLAP" }; // left, right, top, bottom
const NEAR_MM = { [SAGITTAL]: 30, [CORONAL]: 60, [AXIAL]: 9 }; // farther from a slice, a name is not written on it

const state = {
  layout: "All", overlay: true, others: true, texts: true, opacity: 0.4, chosen: null, told: "",
  levels: facts.levels.map((level) => ({ ...level, mm: [...level.mm], removed: false, moved: false })),
};
let nv = null;

/* ---- the levels and their correction ---- */

const isChanged = (level) => level.removed || level.moved || level.name !== facts.levels[level.place].name;
const kept = () => state.levels.filter((level) => !level.removed);
const css = (colour, alpha = 1) => `rgba(${colour.join(",")},${alpha})`;

function order() {
  // The levels that a shift passes through: those of most people, and the variants that this scan has.
  const present = new Set(kept().map((level) => level.name));
  return facts.order.filter((name) => !facts.variants.includes(name) || present.has(name));
}

function shifted(step) {
  // The names after a shift, by place; null where one has nowhere to go.
  const names = order();
  const found = new Map();
  for (const level of kept()) {
    const at = names.indexOf(level.name);
    if (at < 0 || at + step < 0 || at + step >= names.length) return null;
    found.set(level.place, names[at + step]);
  }
  return found.size ? found : null;
}

function shift(step) {
  const found = shifted(step);
  if (found === null) return;
  for (const level of kept()) level.name = found.get(level.place);
  listLevels();
}

function problem() {
  const names = kept().map((level) => level.name);
  const twice = names.find((name, at) => name && names.indexOf(name) !== at);
  if (twice) return `${twice} stands twice.`;
  return names.length ? "" : "No level is left.";
}

function corrected() {
  // The centroids in the scan's own frame, as 3D Slicer writes them (LPS mm).
  const file = structuredClone(facts.markups);
  const markup = file.markups[0];
  markup.controlPoints = kept().map((level) => {
    const point = markup.controlPoints[level.place];
    point.label = level.name;
    point.description = isChanged(level) ? "corrected by hand" : point.description;
    if (level.moved) {
      const [x, y, z] = facts.to_file.map((row) => row.reduce((sum, part, at) => sum + part * level.mm[at], 0));
      point.position = [-x, -y, z];
    }
    return point;
  });
  return file;
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(corrected(), null, 1)], { type: "application/json" }));
  link.download = `${facts.case_id}.mrk.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function element(kind, attributes, ...inside) {
  const made = Object.assign(document.createElement(kind), attributes);
  made.append(...inside);
  return made;
}

function doubtOf(level) {
  const original = facts.levels[level.place];
  if (level.removed) return "removed";
  if (isChanged(level)) return level.name === original.name ? "moved" : `was ${original.name || "unnamed"}`;
  if (level.interpolated) return "interpolated, not detected";
  if (level.words && level.words !== level.name) return level.words;
  return level.probability == null ? "" : `${Math.round(100 * level.probability)} %`;
}

function row(level) {
  const chip = element("span", { className: level.interpolated ? "chip hollow" : "chip" });
  chip.style.background = chip.style.borderColor = css(level.colour);
  const sure = !isChanged(level) && level.probability >= 0.5;
  const doubt = element("span", { className: sure ? "small" : "doubt" }, doubtOf(level));
  const go = element("button", { className: "go" }, chip, element("b", {}, level.name || "?"), doubt);
  go.dataset.level = level.name;
  go.setAttribute("aria-pressed", String(state.chosen === level.place));
  go.onclick = () => choose(level);
  const name = element("select", { className: "edit", title: "Rename" });
  name.setAttribute("aria-label", `Name of ${level.name || "the unnamed vertebra"}`);
  for (const each of level.name ? facts.offered : ["", ...facts.offered]) {
    name.add(new Option(each || "?", each, false, each === level.name));
  }
  name.onchange = () => { level.name = name.value; listLevels(); };
  const move = element("button", { className: "edit move", title: "Put its centre at the cross-hair" }, "⊕");
  move.onclick = () => { level.mm = crosshair(); level.moved = true; listLevels(); };
  const drop = element("button", { className: "edit move", title: level.removed ? "Take it back" : "Remove" });
  drop.append(level.removed ? "↺" : "✕");
  drop.onclick = () => { level.removed = !level.removed; listLevels(); };
  move.disabled = nv === null;
  return element("li", {}, go, name, move, drop);
}

function listStructures() {
  // What is labelled beside vertebrae: name and colour.
  const others = facts.labels.filter((each) => each.other);
  byId("beside").hidden = byId("others").hidden = others.length === 0;
  for (const { name, colour } of others) {
    const chip = element("span", { className: "chip" });
    chip.style.background = css(colour);
    byId("structures").append(element("li", {}, chip, name));
  }
}

function listLevels() {
  byId("levels").replaceChildren(...state.levels.map(row));
  byId("none").hidden = state.levels.length > 0;
  byId("edit").hidden = state.levels.length === 0;
  const wrong = problem();
  byId("up").disabled = shifted(-1) === null;
  byId("down").disabled = shifted(1) === null;
  byId("undo").disabled = !state.levels.some(isChanged);
  byId("download").disabled = !state.levels.some(isChanged) || wrong !== "";
  byId("message").textContent = state.told || (state.levels.length ? wrong : "");
  drawNames();
}

/* ---- going to places ---- */

const crosshair = () => Array.from(nv.frac2mm(nv.scene.crosshairPos)).slice(0, 3);

function goTo(mm) {
  nv.scene.crosshairPos = nv.mm2frac(mm);
  nv.createOnLocationChange();
  nv.drawScene();
}

function choose(level) {
  state.chosen = level.place;
  if (nv) goTo(level.mm);
  listLevels();
}

function step(by) {
  const levels = kept();
  if (!levels.length) return;
  const at = levels.findIndex((level) => level.place === state.chosen);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), levels.length - 1);
  choose(levels[next]);
}

function showWhere(location) {
  const mm = Array.from(location.mm).slice(0, 3).map((part) => part.toFixed(1));
  const [value, label] = location.values.map((each) => each.value);
  const inside = facts.labels.find((each) => each.number === Math.round(label));
  const level = inside && state.levels.find((each) => facts.levels[each.place].name === inside.name);
  const unit = facts.unit ? ` ${facts.unit}` : "";
  byId("where").textContent =
    `x ${mm[0]}  y ${mm[1]}  z ${mm[2]} mm   ${Math.round(value)}${unit}${inside ? `   in ${level ? level.name : inside.name}` : ""}`;
  requestAnimationFrame(drawNames);
}

/* ---- names over the slices ---- */

function drawNames() {
  const canvas = byId("names");
  const pen = canvas.getContext("2d");
  if (!nv) return;
  canvas.width = nv.canvas.width;
  canvas.height = nv.canvas.height;
  if (!state.texts) return;
  const ratio = canvas.width / (canvas.clientWidth || canvas.width);
  pen.font = `bold ${Math.round(13 * ratio)}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  pen.lineWidth = 3 * ratio;
  drawEdges(pen, ratio);
  const here = crosshair();
  for (const [plane, across, beside] of [[SAGITTAL, 0, 1], [CORONAL, 1, 0], [AXIAL, 2, 0]]) {
    for (const level of kept()) {
      const distance = Math.abs(level.mm[across] - here[across]);
      if (distance > NEAR_MM[plane]) continue;
      const centre = [...level.mm];
      centre[across] = here[across]; // its place on the slice
      const text = [...centre];
      text[beside] += NAME_MM;
      const [dot, place] = [centre, text].map((mm) => nv.frac2canvasPosWithTile(nv.mm2frac(mm), plane));
      if (!dot) continue;
      const colour = css(level.colour, distance > NEAR_MM[plane] / 2 ? 0.55 : 1);
      pen.beginPath();
      pen.arc(...dot.pos, 3 * ratio, 0, 7);
      pen.strokeStyle = "#000";
      pen.stroke();
      pen.fillStyle = pen.strokeStyle = colour;
      if (level.interpolated) {
        pen.lineWidth = 1.5 * ratio;
        pen.stroke();
        pen.lineWidth = 3 * ratio;
      } else {
        pen.fill();
      }
      const words = level.words && !isChanged(level) ? level.words : level.name || "?";
      const left = nv.screenSlices[dot.tileIndex].leftTopWidthHeight[0];
      const wanted = place ? place.pos[0] : dot.pos[0] - 26 * ratio;
      const [x, y] = [Math.max(wanted, left + pen.measureText(words).width + 4 * ratio), dot.pos[1]];
      pen.textAlign = "right";
      pen.strokeStyle = "#000";
      pen.strokeText(words, x, y);
      pen.fillStyle = colour;
      pen.fillText(words, x, y);
    }
  }
}

function drawEdges(pen, ratio) {
  // The sides of the patient at the edges of each slice.
  const inset = 10 * ratio;
  pen.textAlign = "center";
  pen.fillStyle = "#e0b93c";
  for (const { axCorSag, leftTopWidthHeight } of nv.screenSlices) {
    if (!(axCorSag in EDGES)) continue;
    const [left, top, width, height] = leftTopWidthHeight.map((part) => Math.abs(part));
    const places = [[left + inset, top + height / 2], [left + width - inset, top + height / 2],
      [left + width / 2, top + inset], [left + width / 2, top + height - inset]];
    places.forEach((place, at) => {
      pen.strokeStyle = "#000";
      pen.strokeText(EDGES[axCorSag][at], ...place);
      pen.fillText(EDGES[axCorSag][at], ...place);
    });
  }
}

/* ---- layout, window, labels ---- */

function arrange() {
  const one = LAYOUTS[state.layout];
  nv.clearCustomLayout();
  nv.setSliceType(one === null ? niivue.SLICE_TYPE.MULTIPLANAR : one); // in 3D alone a layout of tiles does not count
  const whole = state.layout === "All";
  const tiles = byId("stage").clientWidth < NARROW_PX
    ? [[0, 0, 0.5, 0.6], [0.5, 0, 0.5, 0.6], [0, 0.6, whole ? 0.5 : 1, 0.4], [0.5, 0.6, 0.5, 0.4]]
    : [[0, 0, 0.36, 1], [0.36, 0, 0.32, 1], [0.68, 0, 0.32, whole ? 0.5 : 1], [0.68, 0.5, 0.32, 0.5]];
  if (!whole) tiles.pop();
  const kinds = [SAGITTAL, CORONAL, AXIAL, RENDER];
  if (one === null) nv.setCustomLayout(tiles.map((position, at) => ({ sliceType: kinds[at], position })));
  requestAnimationFrame(drawNames);
}

function press(group, words) {
  for (const button of byId(group).children) button.setAttribute("aria-pressed", String(button.textContent === words));
}

function setLayout(words) {
  state.layout = words;
  press("layouts", words);
  arrange();
}

function setWindow(words) {
  [nv.volumes[0].cal_min, nv.volumes[0].cal_max] = facts.windows[words];
  nv.updateGLVolume();
  press("windows", words);
}

function setOverlay(on) {
  state.overlay = on;
  byId("overlay").setAttribute("aria-pressed", String(on));
  if (nv.volumes.length > 1) nv.setOpacity(1, on ? state.opacity : 0);
}

function setOthers(on) {
  // Labels that are no vertebrae.
  state.others = on;
  byId("others").setAttribute("aria-pressed", String(on));
  if (nv.volumes.length < 2) return;
  nv.volumes[1].setColormapLabel(labelColours());
  nv.updateGLVolume();
}

function setTexts(on) {
  state.texts = on;
  byId("texts").setAttribute("aria-pressed", String(on));
  drawNames();
}

function addButtons(group, words, act) {
  for (const each of words) {
    const button = element("button", {}, each);
    button.onclick = () => act(each);
    byId(group).append(button);
  }
}

/* ---- start ---- */

function bytesOf(id) {
  const text = atob(byId(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  byId(id).remove();
  return bytes.buffer;
}

function labelColours() {
  const table = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
  for (const { number, name, colour, other } of facts.labels) {
    const parts = [...colour, other && !state.others ? 0 : 255, number, name];
    Object.keys(table).forEach((key, at) => table[key].push(parts[at]));
  }
  return table;
}

async function start() {
  if (typeof niivue === "undefined") {
    return tell("niivue.js is missing: it must lie in the folder of this page.");
  }
  if (!document.createElement("canvas").getContext("webgl2")) {
    return tell("This browser draws no WebGL 2, which slices and 3D need; the levels can be corrected all the same.");
  }
  const made = new niivue.Niivue({
    isRadiologicalConvention: true, sagittalNoseLeft: true, backColor: [0, 0, 0, 1], show3Dcrosshair: true,
    crosshairWidth: 0.6, crosshairWidthUnit: "mm", crosshairGap: 12, crosshairColor: [1, 0.85, 0.2, 0.7],
    isSliceMM: true, isOrientationTextVisible: false, dragAndDropEnabled: false, logLevel: "error", loadingText: "",
  });
  await made.attachToCanvas(byId("view"));
  const [low, high] = facts.window;
  made.addVolume(await niivue.NVImage.new(bytesOf("image"), "image.nii.gz", "gray", 1, null, low, high));
  if (facts.labels.length) {
    const labels = await niivue.NVImage.new(bytesOf("labels"), "labels.nii.gz", "gray", state.opacity);
    labels.setColormapLabel(labelColours());
    made.addVolume(labels);
  }
  made.setInterpolation(false);
  made.onLocationChange = showWhere;
  nv = made;
  addButtons("layouts", Object.keys(LAYOUTS), setLayout);
  addButtons("windows", Object.keys(facts.windows), setWindow);
  press("windows", Object.keys(facts.windows)[0]);
  setLayout(drawsInSoftware(made.gl) ? "Slices" : "All");
  const middle = kept()[Math.floor(kept().length / 2)];
  if (middle) goTo(middle.mm);
  new ResizeObserver(() => requestAnimationFrame(arrange)).observe(byId("stage"));
  for (const event of ["pointermove", "pointerup", "wheel"]) {
    byId("stage").addEventListener(event, () => requestAnimationFrame(drawNames), { passive: true });
  }
}

function drawsInSoftware(gl) {
  // Without a graphics card each picture in 3D takes seconds: it is drawn when asked for.
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const name = told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : gl.getParameter(gl.RENDERER);
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function tell(words) {
  state.told = words;
}

byId("up").onclick = () => shift(-1);
byId("down").onclick = () => shift(1);
byId("undo").onclick = () => {
  for (const level of state.levels) {
    const { name, mm } = facts.levels[level.place];
    Object.assign(level, { name, mm: [...mm], removed: false, moved: false });
  }
  listLevels();
};
byId("download").onclick = download;
byId("overlay").onclick = () => nv && setOverlay(!state.overlay);
byId("others").onclick = () => nv && setOthers(!state.others);
byId("texts").onclick = () => nv && setTexts(!state.texts);
byId("opacity").oninput = (event) => {
  state.opacity = event.target.value / 100;
  if (nv) setOverlay(true);
};
document.addEventListener("keydown", (event) => {
  if (!nv || event.target.closest("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const layouts = Object.keys(LAYOUTS);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event.key === "ArrowDown" ? 1 : -1);
  else if (event.key === "o") setOverlay(!state.overlay);
  else if (event.key === "d") setOthers(!state.others);
  else if (event.key === "n") setTexts(!state.texts);
  else if (layouts[Number(event.key) - 1]) setLayout(layouts[Number(event.key) - 1]);
  else return;
  event.preventDefault();
});
listStructures();
listLevels();
const started = start().then(() => { listLevels(); document.body.dataset.ready = "true"; });
