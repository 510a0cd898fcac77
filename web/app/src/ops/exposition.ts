/** Reads the Prometheus text format 0.0.4, strictly: a damaged exposition is none. Knows nothing of what the numbers mean. */

export type FamilyType = "counter" | "gauge" | "histogram" | "summary" | "untyped";

export interface Sample {
  /** The family's name; of histograms and summaries with `_bucket`, `_sum` or `_count` behind it. */
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Any number there is, infinities and NaN too. */
  readonly value: number;
  /** Unix time in milliseconds, if the sample says one. */
  readonly timestamp?: number;
}

export interface Family {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export class ExpositionError extends Error {
  override readonly name = "ExpositionError";

  constructor(
    readonly line: number,
    what: string,
  ) {
    super(`line ${line}: ${what}`);
  }
}

const TYPES: ReadonlySet<string> = new Set<FamilyType>(["counter", "gauge", "histogram", "summary", "untyped"]);
const SUFFIXES: Partial<Record<FamilyType, readonly string[]>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["_sum", "_count"],
};

const BLANKS = /[ \t]*/y;
const METRIC = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const QUOTED = /"(?:[^"\\]|\\[\\"n])*"/y;
const WORD = /[^ \t]+/y;
const REST = /.*/sy;

const IN_LABELS = /\\([\\"n])/g;
const IN_HELP = /\\([\\n])/g;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITY = /^[+-]?inf(?:inity)?$/i;

interface Entry {
  name: string;
  type: FamilyType | undefined;
  help: string | undefined;
  samples: Sample[];
}

/** One line, read from left to right. */
class Line {
  #at = 0;

  constructor(
    readonly text: string,
    readonly number: number,
  ) {}

  fail(what: string): never {
    throw new ExpositionError(this.number, what);
  }

  /** What `pattern` (sticky) finds here, or undefined; blanks behind it are passed. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return undefined;
    BLANKS.lastIndex = this.#at + found.length;
    BLANKS.exec(this.text);
    this.#at = BLANKS.lastIndex;
    return found;
  }

  need(pattern: RegExp, what: string): string {
    return this.take(pattern) ?? this.fail(`${what} is missing at ${JSON.stringify(this.text.slice(this.#at, this.#at + 20))}`);
  }

  /** One character, if it is the next. */
  eat(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    this.take(BLANKS);
    return true;
  }

  get atEnd(): boolean {
    return this.#at === this.text.length;
  }
}

function unescape(text: string, escapes: RegExp): string {
  return text.replace(escapes, (_, character: string) => (character === "n" ? "\n" : character));
}

function readValue(line: Line): number {
  const word = line.need(WORD, "a value");
  if (NUMBER.test(word)) return Number(word);
  if (INFINITY.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
  if (/^nan$/i.test(word)) return NaN;
  return line.fail(`${JSON.stringify(word)} is no number`);
}

function readLabels(line: Line): Map<string, string> {
  const labels = new Map<string, string>();
  if (!line.eat("{")) return labels;
  while (!line.eat("}")) {
    const name = line.need(LABEL, "a label or }");
    if (!line.eat("=")) line.fail(`= is missing behind the label ${name}`);
    if (labels.has(name)) line.fail(`the label ${name} comes twice`);
    labels.set(name, unescape(line.need(QUOTED, `the value of the label ${name}`).slice(1, -1), IN_LABELS));
    if (!line.eat(",")) {
      if (!line.eat("}")) line.fail("} is missing");
      break;
    }
  }
  return labels;
}

function readSample(line: Line): Sample {
  const name = line.need(METRIC, "the name of a metric");
  const labels = readLabels(line);
  const value = readValue(line);
  const stamp = line.take(WORD);
  if (stamp !== undefined && !/^-?\d+$/.test(stamp)) line.fail(`${JSON.stringify(stamp)} is no time in milliseconds`);
  if (!line.atEnd) line.fail("there is something behind the sample");
  return stamp === undefined ? { name, labels, value } : { name, labels, value, timestamp: Number(stamp) };
}

class Families {
  readonly #entries = new Map<string, Entry>();

  entry(name: string): Entry {
    let found = this.#entries.get(name);
    if (found === undefined) {
      found = { name, type: undefined, help: undefined, samples: [] };
      this.#entries.set(name, found);
    }
    return found;
  }

  /** Whose sample that is: a histogram's or summary's go by more names than its own. */
  ofSample(name: string): Entry {
    for (const suffix of SUFFIXES.histogram ?? []) {
      const of = name.endsWith(suffix) ? this.#entries.get(name.slice(0, -suffix.length)) : undefined;
      if (of?.type !== undefined && SUFFIXES[of.type]?.includes(suffix)) return of;
    }
    return this.entry(name);
  }

  finished(): Map<string, Family> {
    const families = new Map<string, Family>();
    for (const { name, type, help, samples } of this.#entries.values())
      families.set(name, { name, type: type ?? "untyped", help: help ?? "", samples });
    return families;
  }
}

/** `# HELP name text`, `# TYPE name type`, or any other comment. */
function readComment(line: Line, families: Families): void {
  const keyword = line.take(WORD);
  if (keyword !== "HELP" && keyword !== "TYPE") return;
  const entry = families.entry(line.need(METRIC, "the name of a metric"));
  if (keyword === "HELP") {
    if (entry.help !== undefined) line.fail(`${entry.name} has a second HELP`);
    entry.help = unescape(line.take(REST) ?? "", IN_HELP);
    return;
  }
  const type = line.need(WORD, "a type");
  if (!TYPES.has(type)) line.fail(`${JSON.stringify(type)} is no type`);
  if (entry.type !== undefined) line.fail(`${entry.name} has a second TYPE`);
  if (entry.samples.length > 0) line.fail(`the TYPE of ${entry.name} comes behind its samples`);
  entry.type = type as FamilyType;
}

/** Families by name, in the order of the text. Throws an ExpositionError. */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Families();
  text.split("\n").forEach((content, index) => {
    const line = new Line(content, index + 1);
    line.take(BLANKS);
    if (line.atEnd) return;
    if (line.eat("#")) {
      readComment(line, families);
      return;
    }
    const sample = readSample(line);
    families.ofSample(sample.name).samples.push(sample);
  });
  return families.finished();
}
