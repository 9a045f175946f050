// One colour for each shard. Beside it stands its name always: colour is never the only sign.

import { token } from "./dom.js";

export const COLOUR_COUNT = 12;

/** The class of the colour of a shard, by its number from 1. */
export function shadeClass(number) {
  return `shade-${(number - 1 + COLOUR_COUNT) % COLOUR_COUNT}`;
}

/** The same as a value, for a canvas. */
export function shade(number) {
  return token(`--${shadeClass(number)}`);
}
