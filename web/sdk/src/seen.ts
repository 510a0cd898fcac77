// Which events came before: after a fault the server may tell something twice.

export class Seen {
  private readonly keys = new Set<string>();

  /** `capacity`: how many are remembered, the oldest are forgotten first. */
  constructor(private readonly capacity: number) {}

  /** Whether the key is new; it is remembered. */
  add(key: string): boolean {
    if (this.keys.has(key)) return false;
    if (this.keys.size >= this.capacity) {
      for (const oldest of this.keys) {
        this.keys.delete(oldest);
        break;
      }
    }
    this.keys.add(key);
    return true;
  }

  clear(): void {
    this.keys.clear();
  }
}
