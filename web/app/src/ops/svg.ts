/** SVG elements, as h() makes HTML ones. */

type Attributes = Readonly<Record<string, string | number>>;

export function svg<T extends keyof SVGElementTagNameMap>(tag: T, attributes: Attributes, ...children: Node[]): SVGElementTagNameMap[T] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
