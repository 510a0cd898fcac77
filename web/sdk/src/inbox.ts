// What waits for a reader: bounded, in order, then an end.

export class Inbox<T> {
  private readonly items: T[] = [];
  private readonly readers: ((item: T | undefined) => void)[] = [];
  private readonly whenEmptied: (() => void)[] = [];
  private ended = false;

  constructor(private readonly capacity: number) {}

  get isFull(): boolean {
    return this.items.length >= this.capacity;
  }

  push(item: T): void {
    const reader = this.readers.shift();
    if (reader) reader(item);
    else this.items.push(item);
  }

  /** The next one, as soon as there is one; undefined at the end. */
  take(): Promise<T | undefined> {
    const item = this.items.shift();
    if (this.items.length === 0) this.tellEmptied();
    if (item !== undefined || this.ended) return Promise.resolve(item);
    return new Promise((resolve) => this.readers.push(resolve));
  }

  /** Resolves when nothing waits, or at the end. */
  emptied(): Promise<void> {
    if (this.items.length === 0 || this.ended) return Promise.resolve();
    return new Promise((resolve) => this.whenEmptied.push(resolve));
  }

  /** Nothing comes any more. `forget`: what waits is not wanted either. */
  end(forget: boolean): void {
    this.ended = true;
    if (forget) this.items.length = 0;
    for (const reader of this.readers.splice(0)) reader(undefined);
    this.tellEmptied();
  }

  private tellEmptied(): void {
    for (const tell of this.whenEmptied.splice(0)) tell();
  }
}
