// Shows the run's figures, and sends what the viewer changes.
"use strict";

const EVERY_MS = 500;
const KEPT = 60;
const byId = (id) => document.getElementById(id);
const history = { fps: [], late: [] };

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function change(what) {
  show(await ask("controls", { method: "POST", body: JSON.stringify(what) }));
}

function chart(canvas, values) {
  const pen = canvas.getContext("2d");
  const highest = Math.max(...values, 1);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = "#2a7de1";
  pen.lineWidth = 2;
  pen.beginPath();
  values.forEach((value, n) => {
    pen.lineTo((n * canvas.width) / (KEPT - 1), canvas.height - 2 - (value / highest) * (canvas.height - 4));
  });
  pen.stroke();
}

function figure(name, value, digits) {
  byId(name).textContent = value == null ? "–" : value.toFixed(digits);
}

function show(state) {
  const figures = state.figures;
  figure("fps", figures.fps, 1);
  figure("late", figures.total_p50_ms, 0);
  figure("locate", figures.locate_p50_ms, 1);
  figure("dropped", figures.dropped, 0);
  byId("engine").textContent = state.engine;
  const counts = new Map();
  for (const one of state.found ?? []) counts.set(one.label, (counts.get(one.label) ?? 0) + 1);
  byId("found").textContent = [...counts].map(([label, n]) => `${n} × ${label}`).join(", ") || "Nothing found";
  byId("message").hidden = state.message == null;
  byId("message").textContent = state.message ?? "";
  if (document.activeElement !== byId("threshold")) byId("threshold").value = state.threshold;
  byId("threshold_value").textContent = state.threshold.toFixed(2);
  for (const name of ["paused", "recording"]) byId(name).setAttribute("aria-pressed", state[name]);
  showClasses(state.classes);
}

function showClasses(classes) {
  const box = byId("classes");
  if (box.children.length !== classes.length) {
    box.replaceChildren(...classes.map(({ label }) => {
      const row = document.createElement("label");
      const tick = document.createElement("input");
      tick.type = "checkbox";
      tick.addEventListener("change", () => change({ toggle: label }));
      row.append(tick, " ", label);
      return row;
    }));
  }
  classes.forEach(({ shown }, n) => { box.children[n].firstChild.checked = shown; });
}

async function refresh() {
  try {
    const state = await ask("state");
    show(state);
    for (const [name, value] of [["fps", state.figures.fps], ["late", state.figures.total_p50_ms]]) {
      history[name] = [...history[name], value ?? 0].slice(-KEPT);
      chart(byId(`${name}_chart`), history[name]);
    }
  } catch {
    byId("message").hidden = false;
    byId("message").textContent = "rtloc does not answer; it may have ended.";
  }
  setTimeout(refresh, EVERY_MS);
}

byId("threshold").addEventListener("input", (event) => change({ threshold: Number(event.target.value) }));
for (const name of ["paused", "recording"]) {
  byId(name).addEventListener("click", () => change({ [name]: byId(name).getAttribute("aria-pressed") !== "true" }));
}
refresh();
