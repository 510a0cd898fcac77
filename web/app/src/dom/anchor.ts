/** Keeps what the reader looks at where it is while things come and go above it. Browsers have scroll anchoring of their own, though
 * not all of them, and none at the top of the page; so the lists that use this have it switched off (`overflow-anchor`). */

/** Below the header, which covers the top of the page. */
const COVERED = 64;
/** Nearer to the top than this is at the top. */
const AT_TOP = 24;

export function isAtTop(): boolean {
  return window.scrollY < AT_TOP;
}

export interface Anchor {
  readonly key: string;
  /** Distance of the element's upper edge from that of the window. */
  readonly top: number;
}

/** Those of `elements`, in their order on the page, that the reader can see: the first that is still there afterwards is held. */
export function takeAnchors(elements: Iterable<readonly [string, HTMLElement]>): Anchor[] {
  const anchors: Anchor[] = [];
  for (const [key, element] of elements) {
    const { top, bottom } = element.getBoundingClientRect();
    if (top >= window.innerHeight) break;
    if (bottom > COVERED) anchors.push({ key, top });
  }
  return anchors;
}

/** Scrolls so that the first anchor which `find` still finds is where it was; false if none is. */
export function holdAnchor(anchors: readonly Anchor[], find: (key: string) => HTMLElement | undefined): boolean {
  for (const { key, top } of anchors) {
    const element = find(key);
    if (element === undefined) continue;
    const moved = element.getBoundingClientRect().top - top;
    if (Math.abs(moved) >= 1) window.scrollBy({ top: moved, behavior: "instant" });
    return true;
  }
  return false;
}
