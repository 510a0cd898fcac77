// What assistive technology gets, asked of chromium's own accessibility tree, and what the eye gets, asked of computed styles.

const CONTROLS = new Set(["button", "link", "textbox", "searchbox", "checkbox", "radio", "combobox", "switch", "tab", "menuitem", "slider"]);
const LANDMARKS = new Set(["main", "navigation", "banner", "contentinfo", "complementary", "search", "form", "region"]);

async function tree(page) {
  const session = await page.context().newCDPSession(page);
  try {
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    return nodes
      .filter((node) => !node.ignored)
      .map((node) => ({
        role: node.role?.value,
        name: node.name?.value?.trim() ?? "",
        level: node.properties?.find(({ name }) => name === "level")?.value?.value,
        element: node.backendDOMNodeId,
      }));
  } finally {
    await session.detach();
  }
}

/** Roles of controls to which nobody gave a name. */
export async function controlsWithoutName(page) {
  return (await tree(page)).filter(({ role, name }) => CONTROLS.has(role) && name === "").map(({ role }) => role);
}

export async function landmarks(page) {
  return (await tree(page)).map(({ role }) => role).filter((role) => LANDMARKS.has(role));
}

/** The headings in order: [{ level, name }]. */
export async function outline(page) {
  return (await tree(page)).filter(({ role }) => role === "heading").map(({ level, name }) => ({ level, name }));
}

/**
 * Presses Tab from the beginning of the page until it comes round. `reached`: how many controls that were; `missed`: those that Tab does
 * not reach; `backwards`: those that come before one that stands before them; `unseen`: those that look the same with the focus and
 * without.
 */
export async function focusOrder(page) {
  await page.evaluate(() => {
    const describe = (element) =>
      `<${element.localName}> ${(element.getAttribute("aria-label") ?? element.innerText ?? element.name ?? "").trim().slice(0, 40)}`;
    const looks = (element) => {
      const style = getComputedStyle(element);
      return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.backgroundColor, style.borderColor, style.textDecoration].join();
    };
    const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled && !element.closest("[inert]");
    // Where the last focus was is where Tab goes on; so it begins behind something at the very beginning.
    const start = document.createElement("span");
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus();
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(
      (element) => shown(element) && element.tabIndex >= 0,
    );
    window.e2eFocus = { start, describe, looks, all, plain: new Map(all.map((element) => [element, looks(element)])), order: [] };
  });
  for (;;) {
    await page.keyboard.press("Tab");
    const more = await page.evaluate(() => {
      const { looks, order } = window.e2eFocus;
      const element = document.activeElement;
      if (element === order.at(-1)?.element) return true; // a date has several stops
      if (element === document.body || element === null || order.some((one) => one.element === element)) return false;
      order.push({ element, focused: looks(element) });
      return order.length < 300;
    });
    if (!more) break;
  }
  return page.evaluate(() => {
    const { start, describe, all, plain, order } = window.e2eFocus;
    delete window.e2eFocus;
    start.remove();
    const reached = new Set(order.map(({ element }) => element));
    const before = (one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_PRECEDING) !== 0;
    return {
      reached: order.length,
      missed: all.filter((element) => !reached.has(element)).map(describe),
      backwards: order
        .filter(({ element }, at) => element.tabIndex > 0 || (at > 0 && before(order[at - 1].element, element)))
        .map(({ element }) => describe(element)),
      unseen: order.filter(({ element, focused }) => plain.has(element) && plain.get(element) === focused).map(({ element }) => describe(element)),
    };
  });
}

/**
 * Texts that are hard to read: less than 4.5 : 1 against what lies behind them, or 3 : 1 if they are large (WCAG 2.2, 1.4.3).
 * Solid colours only: pictures and gradients are not looked at.
 */
export function contrasts(page) {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    /** Any CSS colour as [r, g, b, alpha]. */
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
    const behind = (element) => {
      const layers = [];
      for (let one = element; one !== null; one = one.parentElement) {
        const colour = rgba(getComputedStyle(one).backgroundColor);
        if (colour[3] > 0) layers.push(colour);
        if (colour[3] === 1) break;
      }
      const canvasColour = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
      return layers.reverse().reduce((below, layer) => over(layer, below), canvasColour);
    };
    const luminance = (colour) => {
      const [r, g, b] = colour.map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    const judge = (text, element, style) => {
      const ground = behind(element);
      const [light, dark] = [luminance(over(rgba(style.color), ground)), luminance(ground)].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} : 1 for "${text.slice(0, 40)}" (${style.color})`);
    };
    for (const field of document.querySelectorAll("[placeholder]:placeholder-shown")) {
      judge(field.placeholder, field, getComputedStyle(field, "::placeholder"));
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      const text = texts.currentNode.data.trim();
      const box = element.getBoundingClientRect();
      if (text === "" || box.width < 2 || box.height < 2 || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      if (element.closest(":disabled, [aria-disabled=true], script, style, option")) continue;
      judge(text, element, getComputedStyle(element));
    }
    return found;
  });
}
