// How the service is doing: asked every few seconds while somebody looks.

import { json } from "./api.js";
import { element } from "./elements.js";

const EVERY_MS = 3000;
const WORK = {
  generate: "Pictures",
  canny: "Edges",
  upscale: "Enlargements",
  caption: "Captions",
  classify: "Classes",
};

/** Show the service's status from now on; `known` gets each answer. Gives a way to ask at once. */
export function watchStatus(known) {
  const at = (id) => document.getElementById(id);
  at("dashboard").href = `http://${location.hostname}:8265`;

  let unasked = false; // the first look may ask for a key: it is the person's arrival

  async function look() {
    try {
      const asking = json("/v1/status", { unasked });
      unasked = true;
      const status = await asking;
      show(status);
      known(status);
    } catch (error) {
      lamp("down", error.status ? error.message : "Server not reached");
    }
  }

  function lamp(state, words) {
    at("lamp").dataset.state = state;
    at("status-line").textContent = words;
  }

  function show({ model, deployments, work, step_s: step }) {
    const all = Object.entries(deployments);
    const up = all.filter(([, each]) => each.running > 0).length;
    const { pending } = work.generate;
    const queue = pending ? ` · ${pending} in progress` : "";
    lamp(up === all.length ? "up" : "starting", `${up} of ${all.length} stages up${queue}`);
    at("stages").replaceChildren(...all.map(([name, each]) => row(name, each)));
    at("figures").replaceChildren(...figures(model, work, step));
  }

  function row(name, { status, running, target }) {
    const cells = [`${status[0]}${status.slice(1).toLowerCase()}`, `${running} of ${target}`];
    const line = element("tr");
    line.append(element("th", { scope: "row", textContent: name }));
    line.append(...cells.map((textContent) => element("td", { textContent })));
    return line;
  }

  function figures(model, work, step) {
    const pairs = [["Model", model]];
    if (step !== null) pairs.push(["Step", `${Math.round(1000 * step)} ms`]);
    for (const [kind, { pending, capacity, seconds_per_image: each }] of Object.entries(work)) {
      const pace = each === null ? "" : `, ${each.toPrecision(2)} s each`;
      pairs.push([WORK[kind] ?? kind, `${pending} of ${capacity} places${pace}`]);
    }
    return pairs.flatMap(([term, text]) => [
      element("dt", { textContent: term }),
      element("dd", { textContent: text }),
    ]);
  }

  setInterval(() => document.hidden || look(), EVERY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
  return look;
}
