// Times, durations and numbers as people read them. Pure: it knows neither page nor clock.

/** Return a duration in seconds as "45 ms", "3.2 s", "5 min 3 s", "2 h 5 min" or "3 d 4 h". */
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(whole / 3600);
  if (minutes < 1) return `${whole} s`;
  if (hours < 1) return `${minutes} min ${whole % 60} s`;
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Return how long ago a time was: "just now", "5 min ago". Both are milliseconds since 1970. */
export function ago(time, now) {
  const seconds = (now - time) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return "just now";
  const [size, name] = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ].find(([size]) => seconds >= size);
  return `${Math.floor(seconds / size)} ${name} ago`;
}

/** Return a number with its thousands apart: "12,300". */
export function number(value) {
  return value === null || value === undefined ? "" : value.toLocaleString("en");
}

/** Return a count with its noun: "1 task", "12,300 tasks". */
export function counted(count, noun, plural = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : plural}`;
}

/** Return a number of bytes as "512 B", "1.5 KiB", "3.0 MiB". */
export function bytes(size) {
  if (size === null || size === undefined) return "";
  if (size < 1024) return `${size} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = size / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}
