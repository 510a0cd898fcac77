/** Calls `near` whenever the end of a list comes near the window. */
import type { Emitter } from "../model/signal.js";

export function watchEnd(end: HTMLElement, margin: string, near: () => void, grown: Emitter<void>, until: AbortSignal): void {
  const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && near(), { rootMargin: `0px 0px ${margin} 0px` });
  observer.observe(end);
  // An observer tells of changes; an end that is still near after a page has come is none, so it is asked anew.
  grown.on(() => {
    observer.unobserve(end);
    observer.observe(end);
  }, until);
  until.addEventListener("abort", () => observer.disconnect(), { once: true });
}
