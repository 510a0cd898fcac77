/** Ids are decimal strings without leading zeros, up to 19 digits: too long for a number. Their order is that of creation. */

/** Negative if `a` is older than `b`, positive if it is newer. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function isNewer(a: string, b: string): boolean {
  return compareIds(a, b) > 0;
}

/** What the server takes for an id. */
export function isId(text: string): boolean {
  return /^[1-9][0-9]{0,18}$/.test(text);
}
