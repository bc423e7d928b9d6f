// What a reader does with a part of the page stays while the part changes: the focus, what is selected.

const RECEIVERS = "a[href], button, summary, input, select, [tabindex]";

/** Return whether text of an element is selected. A change would take the selection away. */
export function isSelected(element) {
  const selection = getSelection();
  return !selection.isCollapsed && element.contains(selection.anchorNode);
}

const nameOf = (details) => details.dataset.name ?? details.querySelector("summary")?.textContent;

/** Change an element. The focus stays in the same place, and what was unfolded stays so. */
export function changed(element, change) {
  const known = new Map([...element.querySelectorAll("details")].map((details) => [nameOf(details), details.open]));
  const receivers = () => [...element.querySelectorAll(RECEIVERS)];
  const active = document.activeElement;
  const at = element.contains(active) ? receivers().indexOf(active) : -1;
  change();
  for (const details of element.querySelectorAll("details")) details.open = known.get(nameOf(details)) ?? details.open;
  if (at < 0) return;
  const now = receivers();
  (now.find((other) => other.textContent === active.textContent && other.ariaLabel === active.ariaLabel) ?? now[at])?.focus();
}
