// Questions to the server, and being told of changes. Errors are sentences with a hint.

const ROOT = "/ui/api/v1";
const AGAIN_MS = 4000;

export class Refused extends Error {
  constructor(message, { hint = "", status = 0 } = {}) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

export async function ask(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(given).toString();
  let answer;
  try {
    answer = await fetch(`${ROOT}${path}${text ? `?${text}` : ""}`, { headers: { Accept: "application/json" } });
  } catch {
    throw new Refused("The server does not answer.", { hint: "It is asked again as soon as it does." });
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Refused(body.error || `The server answered with ${answer.status}.`, { hint: body.hint, status: answer.status });
}

export const ofSet = ({ namespace, name }, rest = "") =>
  `/sets/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}${rest}`;

// Calls `changed(sets)` with the names of sets that changed (null: any may have), and `connected(isUp, why)`.
export function listen({ changed, connected }) {
  let again = 0;
  const open = () => {
    const stream = new EventSource(`${ROOT}/changes`);
    stream.addEventListener("open", () => connected(true, ""));
    stream.addEventListener("changed", (event) => {
      const told = JSON.parse(event.data);
      connected(!told.trouble, told.trouble || "");
      changed(told.sets);
    });
    stream.addEventListener("error", () => {
      connected(false, "");
      if (stream.readyState !== EventSource.CLOSED) return; // it tries again by itself
      clearTimeout(again);
      again = setTimeout(open, AGAIN_MS);
    });
    addEventListener("pagehide", () => stream.close(), { once: true });
  };
  open();
}
