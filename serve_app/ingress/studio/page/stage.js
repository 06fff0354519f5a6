// The run at work: its previews as they come, how far it is, its result, and what waits behind it.

import { blobOf } from "./api.js";
import { Comparison } from "./comparison.js";
import { element, say, showError } from "./elements.js";
import { about, took } from "./words.js";

/** A watcher of runs. `cancel` is given the run that is to end, `finished` is called after each. */
export class Stage {
  constructor(card, cancel, finished) {
    Object.assign(this, { card, cancel, finished, waiting: 0 });
    this.at = (id) => card.querySelector(`#${id}`);
    this.comparison = new Comparison(this.at("stage"), this.at("compare"));
  }

  /** The runs that have not ended. */
  changed([running = null, ...waiting]) {
    this.waiting = waiting.length;
    const list = this.at("queue");
    const listed = new Map([...list.children].map((item) => [item.dataset.run, item]));
    // Items stay the same elements, so that the focus stays where it is.
    waiting.forEach((run) => listed.delete(run.id) || list.append(this.item(run)));
    listed.forEach((item) => item.remove());
    list.hidden = !waiting.length;
    this.at("cancel").disabled = running === null;
    this.at("result").setAttribute("aria-busy", String(running !== null));
  }

  item(run) {
    const { prompt } = run.request;
    const out = element("button", { type: "button", textContent: "Cancel" });
    out.setAttribute("aria-label", `Cancel: ${prompt}`);
    out.addEventListener("click", () => this.cancel(run));
    const item = element("li");
    item.dataset.run = run.id;
    item.append(element("span", { textContent: prompt, title: prompt }), out);
    return item;
  }

  began(run) {
    this.result = null; // the picture that can be enlarged
    Object.assign(this, { request: run.request, began_ms: performance.now(), seed: null });
    this.comparison.hide();
    this.at("picture").dataset.previews = 0;
    this.at("picture").classList.add("old");
    this.at("outcome").hidden = true;
    this.at("progress").removeAttribute("value"); // it moves, but knows no end yet
    this.line("Sent");
    say("Started");
  }

  progressed({ step, num_inference_steps: steps, queue_position: place, eta_s: eta, ...event }) {
    // Of several pictures the first one shows itself while it is made.
    this.seed ??= event.seed;
    if (event.seed !== this.seed) return;
    if (event.b64_json) {
      this.show(event, blobOf(event.b64_json, event.output_format));
      const { dataset } = this.at("picture");
      dataset.previews = Number(dataset.previews) + 1;
      say(`Preview ${dataset.previews}`);
    }
    const left = eta >= 0.5 ? ` · ${about(eta)} left` : "";
    if (place > 0) return this.line(`Place ${place} in the queue${left}`);
    Object.assign(this.at("progress"), { max: steps, value: step });
    this.line(step < steps ? `Step ${step} of ${steps}${left}` : `Step ${step} of ${steps} · finishing`);
  }

  made(event, blob) {
    this.show(event, blob);
    const { seed, caption, size, timings } = event;
    this.result = { blob, caption, request: this.request };
    this.at("outcome").hidden = false;
    this.at("caption").textContent = caption ?? "";
    const stages = Object.entries(timings).map(([name, s]) => `${name} ${s.toFixed(2)} s`);
    const facts = [`seed ${seed}`, size.replace("x", " × "), ...stages];
    this.at("facts").replaceChildren(...facts.map((textContent) => element("li", { textContent })));
    const { image } = this.request;
    if (image) this.comparison.show(image, "What it started from");
    say(caption ? `Done: ${caption}` : "Done");
  }

  ended(error) {
    const cancelled = error?.name === "AbortError";
    const seconds = (performance.now() - this.began_ms) / 1000;
    if (error) showError(this.at("error"), this.named(error));
    this.at("progress").value = error ? 0 : this.at("progress").max;
    this.line(error ? (cancelled ? "Cancelled" : "Not finished") : `Done in ${took(seconds)}`);
    if (error) say(cancelled ? "Cancelled" : "");
    this.finished();
  }

  /** Where others wait it says which one failed. */
  named(error) {
    if (!this.waiting || error.name === "AbortError") return error;
    return new Error(`“${this.request.prompt.slice(0, 60)}”: ${error.message}`);
  }

  show(event, blob) {
    const picture = this.at("picture");
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(blob);
    picture.alt = event.caption ?? (event.type.endsWith(".completed") ? this.request.prompt : "A preview");
    picture.hidden = false;
    picture.classList.remove("old");
    this.at("picture-note").hidden = true;
  }

  line(words) {
    this.at("progress-line").textContent = words;
  }
}
