/** Addresses in what people write. */

export interface TextPart {
  readonly text: string;
  /** Where it leads; undefined: nowhere. */
  readonly href?: string;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/g;
/** Ends the sentence rather than the address. */
const PUNCTUATION = /[.,;:!?…'’”»)\]}]+$/;

/** The text in its parts; put together they are the text again, letter by letter. */
export function findLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimEnd(match[0]);
    const href = addressOf(address);
    if (href === undefined) continue;
    if (match.index > done) parts.push({ text: text.slice(done, match.index) });
    parts.push({ text: address, href });
    done = match.index + address.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done) });
  return parts;
}

function addressOf(text: string): string | undefined {
  try {
    return new URL(text).href;
  } catch {
    return undefined;
  }
}

/** A bracket that was opened in the address belongs to it: many encyclopedias have such. */
function trimEnd(address: string): string {
  const trimmed = address.replace(PUNCTUATION, "");
  return trimmed.includes("(") && address.charAt(trimmed.length) === ")" ? `${trimmed})` : trimmed;
}
