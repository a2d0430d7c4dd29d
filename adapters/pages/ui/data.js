// What a view needs, asked together; the timeline grows by what is new.

import { ask, ofSet } from "/ui/static/api.js";

const ENTRIES = 2000;

export class Data {
  constructor() {
    this.timelines = new Map(); // group (or "") of the present set → answer
    this.of = "";
  }

  async sets() {
    return ask("/sets");
  }

  async set(place) {
    const key = `${place.namespace}/${place.name}`;
    if (key !== this.of) this.timelines.clear();
    this.of = key;
    const query = { at: place.at };
    const first = this.timelines.get("");
    const until = first && place.at !== null && place.at < first.from.sequence ? place.at : null;
    const [answer, timeline, groupTimeline, why, group, groupWhy] = await Promise.all([
      ask(ofSet(place), query),
      this.timeline(place, null, { until }),
      place.group === null ? null : this.timeline(place, place.group, { until }),
      place.group === null ? ask(ofSet(place, "/why"), query) : { chains: [] },
      place.group === null ? null : ask(ofSet(place, `/groups/${encodeURIComponent(place.group)}`), query),
      place.group === null ? null : ask(ofSet(place, "/why"), { ...query, group: place.group }),
    ]);
    return { place, answer, timeline, groupTimeline, chains: why.chains, group, groupChains: groupWhy ? groupWhy.chains : [] };
  }

  // `until`: a past that ends before the present history begins; it is not kept.
  async timeline(place, group, { until }) {
    const known = this.timelines.get(group ?? "");
    const query = { group, limit: ENTRIES };
    if (until !== null) return ask(ofSet(place, "/timeline"), { ...query, until });
    if (known && place.at !== null && place.at <= known.position.sequence) return known; // the past stays as it is
    const last = known ? known.position.sequence : 0;
    const answer = await ask(ofSet(place, "/timeline"), { ...query, after: last });
    const entries = known && answer.position.sequence >= last ? [...known.entries, ...answer.entries].slice(-ENTRIES * 2) : answer.entries;
    const grown = { ...answer, entries };
    this.timelines.set(group ?? "", grown);
    return grown;
  }
}
