// Sends the camera's pictures to be located, one at a time, and draws each with its boxes.
"use strict";

const LONGER_SIDE_PX = 960;
const QUALITY = 0.8;
const KEPT_MS = 2000;
const byId = (id) => document.getElementById(id);
const video = byId("camera");
const view = byId("view");
const picture = document.createElement("canvas");
let about = null;
let socket = null;
let stream = null;
let starting = false;
let sentAt = 0;
let shown = [];

function say(text) {
  byId("message").hidden = text === "";
  byId("message").textContent = text;
}

async function start() {
  if (starting) return;  // a browser may ask its user first
  starting = true;
  try {
    await startOnce();
  } finally {
    starting = false;
  }
}

async function startOnce() {
  if (!navigator.mediaDevices) {
    say("A browser gives its camera to this machine's own pages and to https pages only.");
    return;
  }
  try {
    about ??= await (await fetch("about")).json();
    // a browser that is not asked for a size gives 640×480
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    const wanted = { video: { facingMode: byId("facing").value, ...size } };
    stream = await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    say(`No camera: ${error.message}`);
    return;
  }
  video.srcObject = stream;
  await video.play();
  byId("engine").textContent = about.engine;
  byId("start").textContent = "Stop";
  byId("start").setAttribute("aria-pressed", "true");
  say("");
  connect();
}

function stop(text = "Stopped.") {
  stream?.getTracks().forEach((track) => track.stop());
  socket?.close();
  stream = socket = null;
  byId("start").textContent = "Start";
  byId("start").setAttribute("aria-pressed", "false");
  say(text);
}

function connect() {
  const address = new URL("locate", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const own = socket = new WebSocket(address);
  socket.onopen = sendNext;
  socket.onmessage = (event) => { show(JSON.parse(event.data)); sendNext(); };
  socket.onclose = (event) => {
    if (socket === own) stop(event.reason || "rtloc does not answer; it may have ended.");
  };
}

// The next picture that the camera has not given yet.
function sendNext() {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(send);
  else requestAnimationFrame(send);
}

function send() {
  if (!stream || socket?.readyState !== WebSocket.OPEN) return;
  const scale = Math.min(1, LONGER_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
  picture.width = Math.round(video.videoWidth * scale);
  picture.height = Math.round(video.videoHeight * scale);
  picture.getContext("2d").drawImage(video, 0, 0, picture.width, picture.height);
  sentAt = performance.now();
  picture.toBlob((blob) => { if (socket?.readyState === WebSocket.OPEN) socket.send(blob); }, "image/jpeg", QUALITY);
}

function show(found) {
  view.width = picture.width;
  view.height = picture.height;
  const pen = view.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const unit = Math.max(view.width, view.height) / 640;
  pen.font = `${Math.round(14 * unit)}px system-ui, sans-serif`;
  found.boxes.forEach((box, n) => drawBox(pen, unit, box, found.class_ids[n], caption(found, n)));
  const now = performance.now();
  shown = [...shown.filter((time) => now - time < KEPT_MS), now];
  byId("fps").textContent = shown.length < 2 ? "–" : (1000 * (shown.length - 1) / (now - shown[0])).toFixed(1);
  byId("late").textContent = (now - sentAt).toFixed(0);
  byId("locate").textContent = found.locate_ms.toFixed(1);
  byId("found").textContent = found.class_ids.map((id) => about.labels[id]).join(", ") || "Nothing found";
}

function caption(found, n) {
  const number = found.tracks ? ` #${found.tracks[n]}` : "";
  return `${about.labels[found.class_ids[n]]}${number} ${found.scores[n].toFixed(2)}`;
}

function drawBox(pen, unit, [x1, y1, x2, y2], classId, text) {
  const colour = about.colours[classId % about.colours.length];
  for (const [style, width] of [["#000", 5 * unit], [colour, 3 * unit]]) {
    pen.strokeStyle = style;
    pen.lineWidth = width;
    pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }
  const height = 20 * unit;
  const width = pen.measureText(text).width + 8 * unit;
  const left = Math.max(0, Math.min(x1, view.width - width));
  const top = Math.max(0, y1 - height);
  pen.fillStyle = "#000";
  pen.fillRect(left, top, width, height);
  pen.fillStyle = "#fff";
  pen.fillText(text, left + 4 * unit, top + 15 * unit);
}

byId("start").addEventListener("click", () => { if (stream) stop(); else start(); });
byId("facing").addEventListener("change", () => { if (stream) { stop(""); start(); } });
