// What a browser knows of the network and of its window. Hints only: what holds is what a connection attempt finds.

export interface Hints {
  /** An attempt may succeed now. */
  onOnline(): void;
  /** The network is gone, they say. */
  onOffline(): void;
  /** The window is seen again; timers and sockets may have been asleep. */
  onVisible(): void;
}

/** Until what it returns is called. Does nothing where there is no window. */
export function watchWindow(hints: Hints): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  const online = () => hints.onOnline();
  const offline = () => hints.onOffline();
  const visible = () => {
    if (document.visibilityState === "visible") hints.onVisible();
  };
  window.addEventListener("online", online);
  window.addEventListener("offline", offline);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", online);
    window.removeEventListener("offline", offline);
    document.removeEventListener("visibilitychange", visible);
  };
}
