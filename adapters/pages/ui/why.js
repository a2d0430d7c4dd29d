// Causal chains: cause in the cluster, fact, decision with its rule, command, outcome, recovery.

import { duration, timestamp } from "/ui/static/drawing.js";
import { make } from "/ui/static/dom.js";

const KINDS = { fact: "seen", cause: "cause", decision: "decided", command: "command", outcome: "outcome", effect: "came of it", log: "log" };

export function chainsOf(chains, { open = 1, go }) {
  if (!chains.length) return [make("p", { className: "quiet", text: "Nothing is recorded that would need a reason." })];
  return [...chains].reverse().map((chain, index) => chainOf(chain, { isOpen: index < open, go }));
}

function chainOf(chain, { isOpen, go }) {
  const elapsed = chain.links.length ? chain.links.at(-1).elapsed_ms : 0;
  const state = chain.complete ? `over after ${duration(Math.max(elapsed, 0))}` : "not over yet";
  return make(
    "details", { className: `chain ${chain.kind}`, open: isOpen, data: { sequence: chain.links[0]?.sequence ?? 0 } },
    make("summary", {},
      make("span", { className: "chain-what", text: capital(chain.what) }),
      make("span", { className: "quiet chain-state", text: `${chain.links.length ? timestamp(chain.links[0].at_ms) : ""}, ${state}` })),
    chain.held ? make("p", { className: "held", text: capital(chain.held) }) : null,
    chain.cause?.hint ? make("p", { className: "hint", text: chain.cause.hint }) : null,
    make("ol", { className: "links" }, chain.links.map((link, index) => linkOf(link, chain.links[index - 1], go))),
    (chain.logs || []).map(logOf),
  );
}

function linkOf(link, before, go) {
  const sign = link.elapsed_ms < 0 ? "−" : "+";
  return make(
    "li", { className: `link ${link.kind}` },
    make("span", { className: "link-kind", text: KINDS[link.kind] || link.kind }),
    make("div", { className: "link-body" },
      make("p", { className: "link-what", text: link.what }),
      link.rule && link.rule !== before?.rule ? make("p", { className: "rule", text: `rule: ${link.rule}` }) : null,
      make("p", { className: "quiet link-when" },
        `${sign}${duration(Math.abs(link.elapsed_ms))} `,
        make("button", {
          type: "button", className: "sequence", text: `#${link.sequence}`, title: "Show this moment",
          "aria-label": `Show the moment of event ${link.sequence}`, on: { click: () => go(link) },
        }))),
  );
}

function logOf(log) {
  if (!log.text) return make("p", { className: "quiet", text: log.problem || `The log of container ${log.container} of pod ${log.pod} is not kept any more.` });
  return make(
    "figure", { className: "log" }, make("figcaption", { text: `End of the log of container ${log.container} of pod ${log.pod}` }),
    make("pre", { tabindex: "0", text: log.text }),
  );
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
