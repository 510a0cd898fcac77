/** What is said to people: numbers, names, and what went wrong. */
import { ApiError, ConnectionError, type User } from "@freshet/client";

const numbers = new Intl.NumberFormat(undefined);

export function sayNumber(n: number): string {
  return numbers.format(n);
}

/** "1 new post", "3 new posts"; past `most` "999+ new posts". */
export function sayCount(n: number, one: string, many: string, most = Infinity): string {
  if (n === 1) return `1 ${one}`;
  return n > most ? `${sayNumber(most)}+ ${many}` : `${sayNumber(n)} ${many}`;
}

export function fullName(user: Pick<User, "firstName" | "secondName">): string {
  return `${user.firstName} ${user.secondName}`;
}

/** The first letter of both names, as people count letters. */
export function initials(user: Pick<User, "firstName" | "secondName">): string {
  return (firstLetter(user.firstName) + firstLetter(user.secondName)).toLocaleUpperCase();
}

function firstLetter(name: string): string {
  if (typeof Intl.Segmenter === "undefined") return [...name.trim()][0] ?? "";
  for (const { segment } of letters.segment(name.trim())) return segment;
  return "";
}

const letters = typeof Intl.Segmenter === "undefined" ? (null as never) : new Intl.Segmenter();

/** docs/errors.md */
export const Code = {
  wrongPassword: 1002,
  unknownUser: 1302,
  unknownPost: 1303,
} as const;

export interface Wrong {
  readonly text: string;
  /** The member of the request that is at fault. */
  readonly field?: string | undefined;
}

export function sayError(error: unknown): Wrong {
  if (error instanceof ApiError) return { text: sentence(error.detail) + sayWait(error), field: error.field };
  if (error instanceof ConnectionError) return { text: "The server can’t be reached. Try again in a moment." };
  return { text: "Something went wrong on this page. Reload it and try again." };
}

/** That there is no such user or post, any more. */
export function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function sayWait(error: ApiError): string {
  if (error.retryAfter === undefined || error.retryAfter <= 0) return "";
  return ` Try again in ${sayCount(error.retryAfter, "second", "seconds")}.`;
}

function sentence(text: string): string {
  const begun = text.charAt(0).toLocaleUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
