import type { User } from "@freshet/client";
import { h } from "../dom/h.js";
import { initials } from "../model/words.js";

const TINTS = 6;

/** A drop with the initials in it. Whose it is stands beside it, so it says nothing itself. */
export function avatar(id: string, user: User | null | undefined): HTMLElement {
  return h("span", { class: `drop drop-${tintOf(id)}`, "aria-hidden": "true" }, h("span", {}, user ? initials(user) : ""));
}

/** The same for the same person everywhere. The last digits of ids made at one place go up in steps, so all of them count. */
function tintOf(id: string): number {
  let sum = 7;
  for (const digit of id) sum = (sum * 31 + Number(digit)) % 9973;
  return sum % TINTS;
}
