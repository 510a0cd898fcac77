// Just enough protobuf to see, on the wire, that a gateway says goodbye (proto/freshet/v1/envelope.proto).

const BYE = 7;
const TYPE_FIELD = 1;
const CODE_FIELD = 11;
const RECONNECT_AFTER_MS_FIELD = 13;

/** The number in field `wanted`, 0 if it is not there; fields of known lengths are passed over. */
function number(frame, wanted) {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = frame[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < frame.length) {
    const key = Number(varint());
    if ((key & 7) === 0) {
      const value = Number(varint());
      if (key >> 3 === wanted) return value;
    } else if ((key & 7) === 2) {
      const length = Number(varint());
      at += length;
    } else {
      throw new Error(`an envelope has no field of wire type ${key & 7}`);
    }
  }
  return 0;
}

/** { code, reconnectAfterMs } of a frame that is a bye, else null. */
export function readBye(frame) {
  if (number(frame, TYPE_FIELD) !== BYE) return null;
  return { code: number(frame, CODE_FIELD), reconnectAfterMs: number(frame, RECONNECT_AFTER_MS_FIELD) };
}
