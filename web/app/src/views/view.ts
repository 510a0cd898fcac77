/** What a view is: something with a title in the main part of the page, until another takes its place. */
import type { App } from "../app.js";
import type { Reader } from "../model/reader.js";

export interface View {
  /** For the window and for who listens to it. */
  readonly title: string;
  readonly element: HTMLElement;
  /** Where the focus goes when the view comes; its first heading if there is none. */
  readonly focus?: HTMLElement;
  /** Is in the page now. */
  readonly shown?: () => void;
  /** Is about to go, and still in the page. */
  readonly left?: () => void;
}

export interface Context {
  readonly app: App;
  /** Aborted when the view goes. */
  readonly until: AbortSignal;
}

/** Of views for those who are signed in. */
export interface ReaderContext extends Context {
  readonly reader: Reader;
}

export function titleOf(view: string): string {
  return `${view} · Freshet`;
}
