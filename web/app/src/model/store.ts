/** What a browser keeps for this page, by name. */
export interface Store {
  get(name: string): string | null;
  /** null: forget it. */
  set(name: string, value: string | null): void;
}

/** localStorage; where it is forbidden or full, what is stored is kept as long as the page is open. */
export class BrowserStore implements Store {
  readonly #unkept = new Map<string, string | null>();

  get(name: string): string | null {
    const value = this.#unkept.get(name);
    if (value !== undefined) return value;
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  set(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(name);
      else localStorage.setItem(name, value);
      this.#unkept.delete(name);
    } catch {
      this.#unkept.set(name, value);
    }
  }
}
