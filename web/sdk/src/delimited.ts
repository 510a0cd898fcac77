// Messages behind their lengths as varints, in pieces of any size, as GET /post/feed/stream sends them.

/** More than any envelope has; a longer one is damage. */
const LONGEST = 65_536;

export class DelimitedReader {
  private rest = new Uint8Array(0);

  /** The messages that are complete with this piece, in order; one of length zero is an empty array. Throws if it makes no sense. */
  push(piece: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let data = piece;
    if (this.rest.length > 0) {
      data = new Uint8Array(this.rest.length + piece.length);
      data.set(this.rest);
      data.set(piece, this.rest.length);
    }
    let from = 0;
    for (;;) {
      const head = readLength(data, from);
      if (head === undefined || head.end + head.length > data.length) break;
      messages.push(data.subarray(head.end, head.end + head.length));
      from = head.end + head.length;
    }
    this.rest = data.slice(from);
    return messages;
  }
}

/** The varint at `from`, and where it ends; undefined if it is not all there. */
function readLength(data: Uint8Array, from: number): { length: number; end: number } | undefined {
  let length = 0;
  for (let at = from, shift = 0; at < data.length; at++, shift += 7) {
    const byte = data[at] as number;
    length += (byte & 0x7f) * 2 ** shift;
    if (length > LONGEST || shift > 28) throw new RangeError("a message of the stream is too long");
    if (byte < 0x80) return { length, end: at + 1 };
  }
  return undefined;
}
