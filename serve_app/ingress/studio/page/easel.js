// The tools beside the canvas: which is at hand, their keys, and pictures from elsewhere.

import { showError } from "./elements.js";
import { offerColours } from "./palette.js";

const BRUSH_STEP = 4;

export class Easel {
  /** `help` has examples. */
  constructor(card, drawing, error, help) {
    Object.assign(this, { card, drawing, error, refusal: null });
    this.at = (id) => card.querySelector(`#${id}`);
    offerColours(this.at("swatches"), this.at("own-colour"), (colour) => {
      drawing.colour = colour;
      this.take("draw");
    });
    this.at("tools").addEventListener("change", (event) => this.take(event.target.value));
    for (const what of ["undo", "clear"]) {
      this.at(what).addEventListener("click", () => drawing[what]());
    }
    this.at("example").addEventListener("click", async () => {
      if (!(await help.layAny())) drawing.example();
    });
    this.at("choose").addEventListener("change", (event) => {
      if (event.target.files.length) this.lay(event.target.files[0]);
      event.target.value = "";
    });
    drawing.addEventListener("change", () => this.follow());
    card.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("keydown", (event) => this.undone(event));
    document.addEventListener("paste", (event) => this.pasted(event));
    this.at("paste").hidden = !navigator.clipboard?.read; // there over HTTPS, and on this machine
    this.at("paste").addEventListener("click", () => this.paste());
    this.follow();
  }

  take(tool) {
    const radio = this.at("tools").querySelector(`[value=${tool}]`);
    if (radio.disabled) return;
    radio.checked = true;
    this.drawing.tool = tool;
    this.card.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** Without a picture there is nothing to mask. */
  follow() {
    const { blank } = this.drawing;
    this.at("hint").hidden = !blank;
    this.at("sample-note").hidden = !this.drawing.sample;
    if (this.refusal && !this.drawing.refused) showError(this.error, (this.refusal = null));
    for (const radio of this.at("tools").querySelectorAll("[value$=mask]")) radio.disabled = blank;
    if (blank && this.drawing.tool !== "draw") this.take("draw");
  }

  /** Single keys, while the focus is in here and nobody types. */
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      b: () => this.take("draw"),
      m: () => this.take("mask"),
      e: () => this.take("unmask"),
      i: () => this.drawing.blank || this.drawing.invertMask(),
      x: () => this.drawing.clearMask(),
      "[": () => this.resize(-BRUSH_STEP),
      "]": () => this.resize(BRUSH_STEP),
    }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  resize(step) {
    const slider = this.at("brush-size");
    slider.value = Number(slider.value) + step;
    slider.dispatchEvent(new Event("input"));
  }

  undone(event) {
    const typing = event.target.matches("textarea, input:not([type=range], [type=radio])");
    if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || typing || !this.shown) return;
    event.preventDefault();
    this.drawing.undo();
  }

  get shown() {
    return !this.card.closest("[hidden]") && !document.querySelector("dialog[open]");
  }

  /** The button: the browser may ask whether the page may. */
  async paste() {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((each) => each.startsWith("image/"));
        if (type) return this.lay(await item.getType(type));
      }
      throw new Error("There is no picture on the clipboard.");
    } catch (error) {
      showError(this.error, error);
    }
  }

  /** Text stays the browser's to paste. */
  pasted(event) {
    const picture = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
    if (!picture || !this.shown) return;
    event.preventDefault();
    this.lay(picture);
  }

  async lay(blob, mask = null) {
    try {
      await this.drawing.load(blob, mask);
      this.card.scrollIntoView({ block: "nearest", behavior: "smooth" });
    } catch (error) {
      showError(this.error, (this.refusal = error));
    }
  }
}
