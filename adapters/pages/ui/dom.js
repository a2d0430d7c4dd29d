// How elements are made. Whatever comes from a journal is hostile: it becomes text, never markup.

export function make(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  const { className, text, on, data, ...attributes } = options;
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(data || {})) made.dataset[name] = value;
  for (const [name, handler] of Object.entries(on || {})) made.addEventListener(name, handler);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export const find = (id) => document.getElementById(id);

export const number = (count) => count.toLocaleString("en");

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export const naturally = new Intl.Collator("en", { numeric: true });

const announced = find("announced");

// For those who do not see the page: what has changed, in a sentence.
export function announce(text) {
  if (announced.textContent !== text) announced.textContent = text;
}

// A section with a heading, and something beside it.
export function card(title, { id, beside = [], className = "" } = {}, ...children) {
  const heading = make("h2", { id: `${id}-title`, text: title });
  return make(
    "section", { className: `card ${className}`, id, "aria-labelledby": `${id}-title` },
    make("div", { className: "card-head" }, heading, ...[beside].flat()), ...children,
  );
}

const tip = find("tip");

export function showTip(lines, x, y) {
  tip.replaceChildren(...lines.filter(([, text]) => text).map(([tag, text]) => make(tag, { text })));
  tip.hidden = false;
  const width = document.documentElement.clientWidth;
  tip.style.left = `${Math.max(Math.min(x + 14, width - tip.offsetWidth - 8), 4)}px`;
  const below = y + 18;
  tip.style.top = `${below + tip.offsetHeight > window.innerHeight ? Math.max(y - tip.offsetHeight - 10, 2) : below}px`;
}

export function hideTip() {
  tip.hidden = true;
}
