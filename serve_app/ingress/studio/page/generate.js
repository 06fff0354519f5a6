// The form: what is asked for, and what the picture is used for.

import { setDefaults, showError, showValues } from "./elements.js";
import { requestOf } from "./request.js";

const NOTES = {
  edges: "The result follows the picture's edges; its colours come from the prompt.",
  both: "The result starts from the picture and keeps to its edges.",
  start: "The result starts from the picture; its shapes may move. Strength is how far it may go.",
  none: "The prompt alone decides.",
};

export class Generation {
  /** `runs` takes what is asked for. */
  constructor(form, drawing, runs) {
    Object.assign(this, { form, drawing, runs });
    this.at = (id) => form.querySelector(`#${id}`);
    showValues(form);
    this.follow();
    form.addEventListener("change", () => this.follow());
    for (const what of ["change", "mask"]) drawing.addEventListener(what, () => this.follow());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.at("cancel").addEventListener("click", () => {
      if (runs.running) runs.cancel(runs.running);
      this.at("generate").focus(); // Cancel is about to be disabled
    });
    this.at("dice").addEventListener("click", () => {
      form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0];
      form.elements.seed.dispatchEvent(new Event("input", { bubbles: true }));
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

  async ask() {
    showError(this.at("error"), null);
    if (!this.runs.running) this.at("outcome").hidden = true;
    try {
      // Not without a word from text alone, where a picture was meant.
      if (this.drawing.refused) throw this.drawing.refused;
      await this.runs.add(await requestOf(this.form, this.drawing, this.use));
    } catch (error) {
      showError(this.at("error"), error);
    }
  }
}
