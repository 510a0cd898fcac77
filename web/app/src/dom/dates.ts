/** Times as people say them, in the reader's language and zone; the exact one is in the element's title. */

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const sameYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const otherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
/** A birthdate is a day, wherever one is. */
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeZone: "UTC" });

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export function sayWhen(at: Date, now = Date.now()): string {
  const ago = now - at.getTime();
  if (ago < MINUTE) return relative.format(0, "second");
  if (ago < HOUR) return relative.format(-Math.floor(ago / MINUTE), "minute");
  if (ago < 12 * HOUR) return relative.format(-Math.floor(ago / HOUR), "hour");
  return (at.getFullYear() === new Date(now).getFullYear() ? sameYear : otherYear).format(at);
}

export function sayExactly(at: Date): string {
  return exact.format(at);
}

/** Of YYYY-MM-DD. */
export function sayDay(date: string): string {
  const at = new Date(`${date}T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? date : day.format(at);
}

/** A <time> that says how long ago it was; `tickTimes` keeps it true. */
export function timeElement(at: Date): HTMLTimeElement {
  const element = document.createElement("time");
  element.dateTime = at.toISOString();
  element.title = sayExactly(at);
  element.textContent = sayWhen(at);
  return element;
}

/** Says all times on the page anew each minute. */
export function tickTimes(): void {
  setInterval(() => {
    const now = Date.now();
    for (const element of document.querySelectorAll("time")) {
      const text = sayWhen(new Date(element.dateTime), now);
      if (element.textContent !== text) element.textContent = text;
    }
  }, MINUTE);
}
