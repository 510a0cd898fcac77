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

/** The first of `elements`, in their order on the page, that the reader can see. */
export function takeAnchor(elements: Iterable<readonly [string, HTMLElement]>): Anchor | null {
  for (const [key, element] of elements) {
    const box = element.getBoundingClientRect();
    if (box.bottom > COVERED) return box.top < window.innerHeight ? { key, top: box.top } : null;
  }
  return null;
}

/** Scrolls so that the anchor is where it was. */
export function holdAnchor(anchor: Anchor, element: HTMLElement): void {
  const moved = element.getBoundingClientRect().top - anchor.top;
  if (Math.abs(moved) >= 1) window.scrollBy({ top: moved, behavior: "instant" });
}
