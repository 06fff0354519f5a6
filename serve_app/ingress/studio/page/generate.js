// One picture at a time: what is asked for, its previews as they come, and the result.

import { ApiError, base64Of, blobOf, events, fieldsOf, multipart } from "./api.js";
import { element, say, setDefaults, showError, showValues } from "./elements.js";

const FIELDS = [
  "prompt", "negative_prompt", "seed", "num_inference_steps", "strength", "guidance_scale",
  "controlnet_conditioning_scale", "canny_low_threshold", "canny_high_threshold", "upscale",
];
const NOTES = {
  edges: "The result follows the picture's edges; its colours come from the prompt.",
  start: "The result starts from the picture; strength is how far it may go from it.",
  both: "The result starts from the picture and keeps to its edges.",
  none: "The prompt alone decides.",
};

export class Generation {
  constructor(form, drawing, finished) {
    Object.assign(this, { form, drawing, finished });
    this.at = (id) => form.querySelector(`#${id}`);
    showValues(form);
    this.follow();
    form.addEventListener("change", () => this.follow());
    drawing.addEventListener("change", () => this.follow());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.at("cancel").addEventListener("click", () => this.running?.abort());
    this.at("dice").addEventListener("click", () => {
      form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0];
    });
  }

  setDefaults(status) {
    setDefaults(this.form, status);
  }

  /** What the picture is used for; an empty easel is used for nothing. */
  get use() {
    return this.drawing.blank ? "none" : new FormData(this.form).get("use");
  }

  /** Only what has a say in the result can be moved. */
  follow() {
    const { strength, controlnet_conditioning_scale: control } = this.form.elements;
    strength.disabled = !["start", "both"].includes(this.use);
    control.disabled = !["edges", "both"].includes(this.use);
    this.at("use-note").textContent = this.drawing.blank
      ? "Nothing is drawn yet: the prompt alone decides."
      : NOTES[this.use];
  }

  async request() {
    const fields = { prompt: "", ...fieldsOf(this.form, FIELDS) }; // it may be empty
    Object.assign(fields, { stream: true, partial_images: 3, progress: true });
    fields.caption = this.form.elements.caption.checked;
    const { use } = this;
    const picture = use === "none" ? null : await this.drawing.picture();
    if (use === "start" || use === "both") {
      const files = use === "both" ? { image: picture, control_image: picture } : { image: picture };
      return ["/v1/images/edits", { method: "POST", body: multipart(fields, files) }];
    }
    if (picture) fields.control_image = await base64Of(picture);
    const headers = { "Content-Type": "application/json" };
    return ["/v1/images/generations", { method: "POST", headers, body: JSON.stringify(fields) }];
  }

  async run() {
    if (this.running) return;
    const { signal } = (this.running = new AbortController());
    const began = performance.now();
    this.busy(true);
    try {
      const [path, options] = await this.request();
      let result = null;
      for await (const event of events(path, { ...options, signal })) {
        if (event.type.endsWith(".completed")) result = event;
        else this.progressed(event);
      }
      if (!result) throw new ApiError("The server ended before the picture was finished.");
      this.complete(result, (performance.now() - began) / 1000);
    } catch (error) {
      showError(this.at("error"), error);
      this.line(error.name === "AbortError" ? "Cancelled" : "Not finished");
      this.at("progress").value = 0;
      say(error.name === "AbortError" ? "Cancelled" : "");
    } finally {
      this.running = null;
      this.busy(false);
    }
  }

  busy(busy) {
    this.at("generate").disabled = busy;
    this.at("cancel").disabled = !busy;
    this.at("result").setAttribute("aria-busy", String(busy));
    if (!busy) return;
    this.at("picture").dataset.previews = 0;
    this.at("picture").classList.add("old");
    showError(this.at("error"), null);
    this.at("outcome").hidden = true;
    this.at("progress").removeAttribute("value"); // it moves, but knows no end yet
    this.line("Sent");
    say("Started");
    this.at("result").scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  progressed({ step, num_inference_steps: steps, queue_position: place, eta_s: eta, ...event }) {
    if (event.b64_json) {
      this.show(event);
      const { dataset } = this.at("picture");
      dataset.previews = Number(dataset.previews) + 1;
      say(`Preview ${dataset.previews}`);
    }
    const left = eta >= 0.05 ? ` · about ${eta.toFixed(1)} s left` : "";
    if (place > 0) return this.line(`Place ${place} in the queue${left}`);
    Object.assign(this.at("progress"), { max: steps, value: step });
    this.line(step < steps ? `Step ${step} of ${steps}${left}` : `Step ${step} of ${steps} · finishing`);
  }

  complete(event, seconds) {
    const blob = this.show(event);
    const { seed, caption, size, timings } = event;
    this.at("progress").value = this.at("progress").max;
    this.line(`Done in ${seconds.toFixed(1)} s`);
    say(caption ? `Done: ${caption}` : "Done");
    this.at("outcome").hidden = false;
    this.at("caption").textContent = caption ?? "";
    const stages = Object.entries(timings).map(([name, s]) => `${name} ${s.toFixed(2)} s`);
    const facts = [`seed ${seed}`, size.replace("x", " × "), ...stages];
    this.at("facts").replaceChildren(...facts.map((textContent) => element("li", { textContent })));
    this.finished({ blob, prompt: this.form.elements.prompt.value, seed, caption });
  }

  show(event) {
    const picture = this.at("picture");
    const blob = blobOf(event.b64_json, event.output_format);
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(blob);
    picture.alt = event.caption ?? (event.type.endsWith(".completed") ? "The result" : "A preview");
    picture.hidden = false;
    picture.classList.remove("old");
    this.at("picture-note").hidden = true;
    return blob;
  }

  line(words) {
    this.at("progress-line").textContent = words;
  }
}
