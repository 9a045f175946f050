// Slots as ranges (`0-99,205`), and who owns them.

export const SLOT_COUNT = 16384;

/** The ranges of a text as pairs [first, last]. Raises an Error that says what is wrong. */
export function parseRanges(text) {
  const ranges = [];
  for (const part of text.split(/[\s,]+/).filter(Boolean)) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (!match) throw new Error(`“${part}” is not a slot or a range such as 0-99`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last >= SLOT_COUNT) throw new Error(`slot ${last} is beyond 16383`);
    if (first > last) throw new Error(`the range ${part} runs backwards`);
    ranges.push([first, last]);
  }
  return ranges;
}

/** The ranges of an iterable of slots, as text. */
export function formatRanges(slots) {
  const sorted = [...new Set(slots)].sort((a, b) => a - b);
  const parts = [];
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end] + 1) end += 1;
    parts.push(end === at ? `${sorted[at]}` : `${sorted[at]}-${sorted[end]}`);
    at = end + 1;
  }
  return parts.join(",");
}

/** All slots of a text of ranges, in order. */
export function expand(text) {
  const slots = [];
  for (const [first, last] of parseRanges(text)) for (let slot = first; slot <= last; slot += 1) slots.push(slot);
  return slots;
}

/** For each slot the index of its shard in `shards`, or -1. Ranges that cannot be read own nothing. */
export function ownersOf(shards) {
  const owners = new Int32Array(SLOT_COUNT).fill(-1);
  shards.forEach((shard, index) => {
    let ranges = [];
    try {
      ranges = parseRanges(shard.slots);
    } catch {
      return;
    }
    for (const [first, last] of ranges) owners.fill(index, first, last + 1);
  });
  return owners;
}

/** The run of slots of one owner round a slot, as [first, last]. */
export function runAround(owners, slot) {
  let first = slot;
  let last = slot;
  while (first > 0 && owners[first - 1] === owners[slot]) first -= 1;
  while (last < SLOT_COUNT - 1 && owners[last + 1] === owners[slot]) last += 1;
  return [first, last];
}

/** How many slots to suggest for a move: what makes both alike, at least one. */
export function levelling(sourceCount, targetCount) {
  return Math.max(1, Math.min(sourceCount, Math.floor((sourceCount - targetCount) / 2)) || 1);
}
