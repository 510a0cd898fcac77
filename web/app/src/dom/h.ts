/** Elements without markup in strings: whatever text comes from people stays text. */

type Child = Node | string | null | undefined | false;

interface Props {
  readonly class?: string;
  /** Where nothing else tells an element apart. */
  readonly testid?: string;
  readonly on?: { readonly [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };
  /** Attributes: true is one without a value, false or undefined none. */
  readonly [attribute: string]: unknown;
}

export function h<T extends keyof HTMLElementTagNameMap>(tag: T, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(value as object)) element.addEventListener(type, listener as EventListener);
    } else if (name === "testid") {
      element.dataset["testid"] = String(value);
    } else {
      setAttribute(element, name, value as AttributeValue);
    }
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

type AttributeValue = string | number | boolean | null | undefined;

/** True is an attribute without a value; false, null or undefined take it away. */
export function setAttribute(element: Element, name: string, value: AttributeValue): void {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Sets the text if it is another: screen readers announce what is set, even if it reads the same. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;

/** For labels and descriptions, which go by id. */
export function uniqueId(prefix: string): string {
  return `${prefix}-${++ids}`;
}
