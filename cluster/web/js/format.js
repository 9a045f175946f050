// Figures, sizes and times as text. What is not known (null) is a dash, never 0.

export const UNKNOWN = "–";

const PREFIXES = ["", " k", " M", " G", " T", " P"];
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function isKnown(value) {
  return value !== null && value !== undefined && Number.isFinite(value);
}

function threeDigits(value) {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toString();
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** 12345 as `12.3 k`. */
export function count(value) {
  if (!isKnown(value)) return UNKNOWN;
  let step = 0;
  while (Math.abs(value) >= 999.5 && step < PREFIXES.length - 1) {
    value /= 1000;
    step += 1;
  }
  return threeDigits(value) + PREFIXES[step];
}

/** 12345 a second as `12.3 k/s`. */
export function rate(value) {
  return isKnown(value) ? `${count(value)}/s` : UNKNOWN;
}

/** 12345 as `12,345`. */
export function whole(value) {
  return isKnown(value) ? Math.round(value).toLocaleString("en") : UNKNOWN;
}

/** 1536 as `1.50 KiB`. */
export function bytes(value) {
  if (!isKnown(value)) return UNKNOWN;
  let step = 0;
  while (Math.abs(value) >= 1023.5 && step < UNITS.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${threeDigits(value)} ${UNITS[step]}`;
}

/** 0.9876 as `98.8 %`. */
export function percent(fraction) {
  if (!isKnown(fraction)) return UNKNOWN;
  const value = fraction * 100;
  return `${value >= 99.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

/** Microseconds as `850 us` or `1.20 ms`. */
export function micros(value) {
  if (!isKnown(value)) return UNKNOWN;
  if (value < 1000) return `${threeDigits(value)} µs`;
  return value < 1e6 ? `${threeDigits(value / 1000)} ms` : `${threeDigits(value / 1e6)} s`;
}

/** Milliseconds as `12 ms`, `1.20 s` or a duration. */
export function millis(value) {
  if (!isKnown(value)) return UNKNOWN;
  if (value < 1000) return `${Math.round(value)} ms`;
  return value < 60_000 ? `${threeDigits(value / 1000)} s` : duration(value / 1000);
}

/** Seconds as `42 s`, `3 min 5 s`, `2 h 10 min` or `3 d 4 h`. */
export function duration(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  const all = Math.max(0, Math.round(seconds));
  if (all < 60) return `${all} s`;
  if (all < 3600) return join(Math.floor(all / 60), "min", all % 60, "s");
  if (all < 86_400) return join(Math.floor(all / 3600), "h", Math.floor((all % 3600) / 60), "min");
  return join(Math.floor(all / 86_400), "d", Math.floor((all % 86_400) / 3600), "h");
}

function join(large, largeUnit, small, smallUnit) {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

/** A Unix time in milliseconds as `14:03:07`, with the day when it is not today's. */
export function clock(ms, nowMs = Date.now()) {
  if (!isKnown(ms) || ms <= 0) return UNKNOWN;
  const date = new Date(ms);
  const pad = (number) => String(number).padStart(2, "0");
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  if (date.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`;
}

/** `3 nodes`, `1 node`. */
export function plural(number, one, many = `${one}s`) {
  return `${whole(number)} ${number === 1 ? one : many}`;
}

/** `replace-replica` as `replace replica`. */
export function words(kind) {
  return kind.replaceAll("-", " ");
}
