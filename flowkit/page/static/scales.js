// The arithmetic of charts: ticks of an axis, places of values, lines as paths. Pure.

/** Return a round number that is at least `value`: 1, 2, 2.5 or 5 times a power of ten. */
export function roundUp(value) {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999999);
  return factor * power;
}

/** Return the path of a line through values, in a box. A null ends the line, and the next value begins a new one. */
export function linePath(values, width, height, most) {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const parts = [];
  let isDown = false;
  values.forEach((value, at) => {
    if (value === null || value === undefined) {
      isDown = false;
      return;
    }
    const x = values.length > 1 ? at * step : width;
    const y = height - (height * Math.min(value, most)) / most;
    parts.push(`${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
    isDown = true;
  });
  return parts.join("");
}

/** Return the part of a scale, 0 to 1, at which a value stands; logarithmic from `least` to `most`. */
export function logPart(value, least, most) {
  if (!(value > least) || !(most > least) || !(least > 0)) return 0;
  return Math.min(1, Math.log(value / least) / Math.log(most / least));
}

/** Return the height of a bar, 0 to 1. One with a value is never invisible. */
export function barPart(value, most) {
  if (!(value > 0) || !(most > 0)) return 0;
  return Math.max(0.03, Math.min(1, value / most));
}
