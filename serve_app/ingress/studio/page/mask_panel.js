// The mask's buttons and settings, and what they mean to the rest of the form.

const MASKED_STRENGTH = 1; // the server's own where a mask is sent: nothing old shines through

export class MaskPanel {
  constructor(form, drawing) {
    Object.assign(this, { form, drawing });
    this.panel = form.querySelector("#mask-panel");
    this.button("#invert-mask", () => drawing.invertMask());
    this.button("#clear-mask", () => drawing.clearMask());
    drawing.addEventListener("mask", () => this.follow());
    drawing.addEventListener("change", () => this.follow());
    form.addEventListener("change", () => this.follow());
    this.follow();
  }

  button(css, act) {
    this.panel.querySelector(css).addEventListener("click", act);
  }

  follow() {
    const { elements } = this.form;
    const masked = !this.drawing.mask.blank;
    if (masked !== Boolean(this.masked)) return this.turned(masked);
    const counts = masked && ["start", "both"].includes(elements.use.value);
    this.panel.hidden = !masked && elements.tool.value === "draw";
    this.panel.querySelector("#clear-mask").disabled = !masked;
    elements.mask_blur.disabled = elements.crop.disabled = !counts;
    elements.padding_mask_crop.disabled = !counts || !elements.crop.checked;
  }

  /** A mask is of a picture to start from, all of which it covers may change. */
  turned(masked) {
    this.masked = masked;
    const { strength, use } = this.form.elements;
    if (masked) {
      this.strength = strength.value;
      strength.value = MASKED_STRENGTH;
      use.value = { edges: "both", none: "start" }[use.value] ?? use.value;
    } else if (Number(strength.value) === MASKED_STRENGTH) {
      strength.value = this.strength;
    }
    strength.dispatchEvent(new Event("input"));
    this.form.dispatchEvent(new Event("change"));
  }
}
