/** A value that tells when it changes, and a bare event. Who listens leaves with an AbortSignal, as with DOM events. */

export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  on(listener: (value: T) => void, until?: AbortSignal): void {
    if (until?.aborted) return;
    this.#listeners.add(listener);
    until?.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}

export class Signal<T> {
  readonly #changes = new Emitter<T>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#changes.emit(value);
  }

  /** Calls `listener` at once and with each change. */
  watch(listener: (value: T) => void, until?: AbortSignal): void {
    if (until?.aborted) return;
    this.#changes.on(listener, until);
    listener(this.#value);
  }
}
