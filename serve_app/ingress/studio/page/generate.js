// One picture at a time: what is asked for, its previews as they come, and the result.

import { ApiError, base64Of, blobOf, events, fieldsOf, multipart } from "./api.js";
import { Comparison } from "./comparison.js";
import { element, say, setDefaults, showError, showValues } from "./elements.js";

const FIELDS = [
  "prompt", "negative_prompt", "seed", "num_inference_steps", "strength", "guidance_scale",
  "controlnet_conditioning_scale", "canny_low_threshold", "canny_high_threshold", "upscale",
  "mask_blur", "padding_mask_crop", "n", "size", "sampler",
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
    this.comparison = new Comparison(this.at("stage"), this.at("compare"));
    showValues(form);
    this.follow();
    form.addEventListener("change", () => this.follow());
    for (const what of ["change", "mask"]) drawing.addEventListener(what, () => this.follow());
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

  /** Every parameter as the API names it; pictures are blobs. */
  async asked() {
    const fields = fieldsOf(this.form, FIELDS);
    fields.caption = this.form.elements.caption.checked;
    const { use } = this;
    const picture = use === "none" ? null : await this.drawing.picture();
    if (["edges", "both"].includes(use)) fields.control_image = picture;
    if (!["start", "both"].includes(use)) return fields;
    fields.image = picture;
    if (!this.drawing.mask.blank) fields.mask_image = await this.drawing.mask.picture();
    return fields;
  }

  async request({ image, control_image: control, mask_image: mask, ...fields }) {
    Object.assign(fields, { stream: true, partial_images: 3, progress: true });
    if (image) {
      const files = { image, ...(control && { control_image: control }), ...(mask && { mask_image: mask }) };
      return ["/v1/images/edits", { method: "POST", body: multipart(fields, files) }];
    }
    if (control) fields.control_image = await base64Of(control);
    const headers = { "Content-Type": "application/json" };
    return ["/v1/images/generations", { method: "POST", headers, body: JSON.stringify(fields) }];
  }

  async run() {
    if (this.running) return;
    const { signal } = (this.running = new AbortController());
    const began = performance.now();
    this.busy(true);
    try {
      const asked = await this.asked();
      const [path, options] = await this.request(asked);
      let finished = false;
      for await (const event of events(path, { ...options, signal })) {
        finished ||= event.type.endsWith(".completed");
        if (!event.type.endsWith(".completed")) this.progressed(event);
        else this.complete(event, asked, (performance.now() - began) / 1000);
      }
      if (!finished) throw new ApiError("The server ended before the picture was finished.");
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
    this.comparison.hide();
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

  complete(event, asked, seconds) {
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
    if (asked.image) this.comparison.show(asked.image, "What it started from");
    this.finished({ blob, request: asked, seed, caption: caption ?? null, size, timings });
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
