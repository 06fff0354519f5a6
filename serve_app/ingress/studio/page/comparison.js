// One picture over another, uncovered from the left by a slider.

/** Of a frame's element `.over`, an image or with one inside; `row` is shown with it. */
export class Comparison {
  constructor(frame, row) {
    Object.assign(this, { frame, row });
    this.over = frame.querySelector(".over");
    this.image = this.over.matches("img") ? this.over : this.over.querySelector("img");
    this.slider = row.querySelector("input");
    this.slider.addEventListener("input", () => this.follow());
    this.hide();
  }

  /** Lay a picture over, of which `share` percent show. */
  show(blob, alt, share = 0) {
    this.hide();
    this.image.src = URL.createObjectURL(blob);
    this.image.alt = alt;
    this.over.hidden = this.row.hidden = false;
    this.slider.value = share;
    this.follow();
  }

  hide() {
    this.over.hidden = this.row.hidden = true;
    URL.revokeObjectURL(this.image.src);
    this.image.removeAttribute("src");
  }

  follow() {
    this.frame.style.setProperty("--uncovered", `${this.slider.value}%`);
  }
}
