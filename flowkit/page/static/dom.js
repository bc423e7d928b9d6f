// Making elements. Text from the API gets into the page here only, and only as text.

import { visible } from "./visible.js";

const SHOWN = new Set(["title", "aria-label", "placeholder"]); // attributes that readers see

/**
 * Return an element. `attributes`: a function is a listener, true an empty attribute, and null or
 * false none; `class`, `data-…` and `aria-…` are written as in HTML. Children are nodes, texts or
 * numbers; null, undefined and false are left out.
 */
export function h(name, attributes = {}, ...children) {
  const element = name.includes(":")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else element.setAttribute(key, SHOWN.has(key) ? visible(String(value)) : String(value));
  }
  append(element, children);
  return element;
}

/** Replace the children of an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(String(child))));
  }
}
