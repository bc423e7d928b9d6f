// A drawing that can be zoomed and moved: with the wheel, by dragging, with two fingers, with keys.

import { h } from "./dom.js";

const STEP = 60; // pixels that an arrow key moves
const ZOOM = 1.3;
const LARGEST = 1.2; // scale of a drawing that fits
const MARGIN = 56; // room for the buttons

/**
 * Return {element, view, redraw, fit}. `view` has x, y, scale: a point p of the drawing is at
 * (p - x) * scale. `draw(context, width, height)` draws; `bounds()` returns {width, height} of the
 * drawing. `flat`: only x is zoomed, and y is in pixels. `left(width)`: pixels that are kept free for
 * names. `hover(x, y)` and `click(x, y)` get pixels.
 */
export function surface({ draw, bounds, label, flat = false, left = () => 0, hover = () => {}, click = () => {} }) {
  const view = { x: 0, y: 0, scale: 1 };
  const canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": label });
  const size = { width: 0, height: 0 };
  let isFitted = true;
  let waiting = false;

  const paint = () => {
    waiting = false;
    const ratio = devicePixelRatio || 1;
    // A small drawing takes no more of the page than it needs.
    canvas.style.maxHeight = `${Math.ceil(bounds().height * (flat ? 1 : LARGEST)) + MARGIN}px`;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    Object.assign(size, { width, height });
    if (isFitted) toFit();
    keepInside();
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  const redraw = () => {
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
  };
  const toFit = () => {
    const whole = bounds();
    const wide = size.width / Math.max(1, whole.width);
    view.scale = flat ? wide : Math.min(LARGEST, wide, size.height / Math.max(1, whole.height));
    Object.assign(view, { x: 0, y: 0 });
    if (!flat) view.x = (whole.width - size.width / view.scale) / 2;
    if (!flat) view.y = (whole.height - size.height / view.scale) / 2;
  };
  const keepInside = () => {
    const whole = bounds();
    const tall = flat ? size.height : size.height / view.scale;
    view.y = flat ? Math.max(0, Math.min(view.y, whole.height - tall)) : within(view.y, whole.height, tall);
    view.x = within(view.x, whole.width, size.width / view.scale);
  };
  const zoom = (factor, x = size.width / 2, y = size.height / 2) => {
    isFitted = false;
    x = ((x - left(size.width)) * size.width) / (size.width - left(size.width));
    const scale = Math.max(1e-6, Math.min(view.scale * factor, flat ? 50 : 4));
    view.x += x / view.scale - x / scale;
    if (!flat) view.y += y / view.scale - y / scale;
    view.scale = scale;
    redraw();
  };
  const pan = (x, y) => {
    isFitted &&= flat && x === 0;
    view.x -= (x / view.scale) * (size.width / (size.width - left(size.width)));
    view.y -= flat ? y : y / view.scale;
    redraw();
  };
  const fit = () => {
    isFitted = true;
    redraw();
  };
  const center = (x, y) => {
    isFitted = false;
    view.scale = Math.max(view.scale, 0.8);
    view.x = x - canvas.clientWidth / view.scale / 2; // also before it is painted
    view.y = y - canvas.clientHeight / view.scale / 2;
    redraw();
  };

  listen(canvas, { zoom, pan, fit, hover, click, flat });
  const observer = new ResizeObserver(redraw);
  observer.observe(canvas);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", redraw);
  const tools = h(
    "div",
    { class: "tools" },
    button("+", "Zoom in", () => zoom(ZOOM)),
    button("−", "Zoom out", () => zoom(1 / ZOOM)),
    button("Fit", "Show everything", fit),
  );
  const end = () => {
    observer.disconnect();
    scheme.removeEventListener("change", redraw);
  };
  return { element: h("div", { class: "canvas" }, canvas, tools), canvas, view, size, redraw, fit, center, end };
}

const button = (text, name, act) => h("button", { type: "button", "aria-label": name, title: name, click: act }, text);

// At least a third of the window stays filled.
const within = (at, whole, seen) => Math.max(-seen * 0.67, Math.min(at, whole - seen * 0.33));

function listen(canvas, { zoom, pan, fit, hover, click, flat }) {
  const down = new Map();
  let moved = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener(
    "wheel",
    (event) => {
      const isZoom = !flat || event.ctrlKey || event.metaKey;
      event.preventDefault();
      if (isZoom) zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
      else if (event.shiftKey) pan(-event.deltaY, 0);
      else pan(-event.deltaX, -event.deltaY);
    },
    { passive: false },
  );
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = at(event);
    const before = down.get(event.pointerId);
    if (before === undefined) return hover(...here);
    const others = [...down].filter(([id]) => id !== event.pointerId);
    if (others.length === 1) {
      const other = others[0][1];
      const far = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      zoom(far(here) / far(before), ...other);
    } else {
      pan(here[0] - before[0], here[1] - before[1]);
    }
    moved += Math.abs(here[0] - before[0]) + Math.abs(here[1] - before[1]);
    down.set(event.pointerId, here);
    return undefined;
  });
  const up = (event) => {
    if (down.delete(event.pointerId) && event.type === "pointerup" && moved < 5) click(...at(event));
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  const KEYS = {
    ArrowLeft: () => pan(STEP, 0),
    ArrowRight: () => pan(-STEP, 0),
    ArrowUp: () => pan(0, STEP),
    ArrowDown: () => pan(0, -STEP),
    "+": () => zoom(ZOOM),
    "-": () => zoom(1 / ZOOM),
    0: fit,
  };
  canvas.addEventListener("keydown", (event) => {
    if (KEYS[event.key] === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}

/** Return a function that returns colours of the style sheet by name, as they are now. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const known = new Map();
  return (name) => {
    if (!known.has(name)) known.set(name, style.getPropertyValue(`--${name}`).trim());
    return known.get(name);
  };
}
