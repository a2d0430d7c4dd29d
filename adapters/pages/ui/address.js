// The address is the state: `#/namespace/name/group?at=1234`. Whoever gets it sees the same.

export function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [namespace = "", name = "", group] = path.split("/").map(decoded);
  const at = new URLSearchParams(query || "").get("at");
  return { namespace, name, group: group || null, at: at && /^\d{1,16}$/.test(at) ? Number(at) : null };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not of our making
  }
}

export function write({ namespace, name, group = null, at = null }) {
  if (!name) return "#/";
  const parts = [namespace, name, ...(group === null ? [] : [group])].map(encodeURIComponent);
  return `#/${parts.join("/")}${at === null ? "" : `?at=${at}`}`;
}

// `replace`: no entry of its own in the history of the browser, as while a slider is being moved.
export function go(place, { replace = false } = {}) {
  const address = write(place);
  if (address === location.hash) return;
  if (!replace) {
    location.hash = address;
    return;
  }
  history.replaceState(null, "", address);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
