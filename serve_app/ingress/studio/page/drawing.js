// The sketch and the mask over it: strokes on either, undo, and pictures laid under them.

import { Mask } from "./mask.js";
import { COLOURS } from "./palette.js";
import { line, watchStrokes } from "./strokes.js";

const LONGEST = 512; // the demo's drawing size; larger pictures are shrunk to it
const UNDOS = 20;

/** Dispatches "change" after the sketch has changed, and "mask" after the mask has. */
export class Drawing extends EventTarget {
  constructor(canvas, overlay, size) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.mask = new Mask(overlay);
    this.size = size;
    this.colour = COLOURS.black;
    this.tool = "draw"; // or "mask", "unmask"
    this.past = [];
    this.blank = true;
    this.sample = false; // an example that the first stroke replaces
    this.refused = null; // why the picture that was chosen last is none
    this.wipe();
    watchStrokes(canvas, {
      begin: (point, pressure) => this.begin(point, pressure),
      go: (point, pressure) => this.go(point, pressure),
      end: () => this.changed(),
    });
  }

  begin(point, pressure) {
    this.remember();
    if (this.tool === "draw") {
      if (this.sample) this.wipe();
      this.own();
    }
    this.last = point;
    this.go(point, pressure);
    this.changed();
  }

  go(point, pressure) {
    const width = Number(this.size.value) * (pressure > 0 ? 0.5 + pressure : 1);
    if (this.tool === "draw") line(this.context, this.last, point, width, this.colour);
    else this.mask.stroke(this.last, point, width, this.tool === "unmask");
    this.last = point;
  }

  /** Nothing drawn, and no mask. */
  wipe(width = LONGEST, height = LONGEST) {
    Object.assign(this.canvas, { width, height });
    this.context.fillStyle = COLOURS.white;
    this.context.fillRect(0, 0, width, height);
    this.mask.reset(width, height);
  }

  remember() {
    const { width, height } = this.canvas;
    this.past.push({
      sketch: this.context.getImageData(0, 0, width, height),
      mask: this.mask.blank ? null : this.mask.pixels(),
      blank: this.blank,
      sample: this.sample,
    });
    if (this.past.length > UNDOS) this.past.shift();
  }

  /** What is on the easel is the person's own now. */
  own(blank = false, sample = false) {
    Object.assign(this, { blank, sample, refused: null });
  }

  undo() {
    if (!this.past.length) return;
    const { sketch, mask, blank, sample } = this.past.pop();
    this.wipe(sketch.width, sketch.height);
    this.context.putImageData(sketch, 0, 0);
    if (mask) this.mask.restore(mask);
    this.own(blank, sample);
    this.changed("both");
  }

  clear() {
    if (!this.blank) this.remember();
    this.wipe();
    this.own(true);
    this.changed("both");
  }

  invertMask() {
    this.remember();
    this.mask.invert();
    this.changed("mask");
  }

  clearMask() {
    if (this.mask.blank) return;
    this.remember();
    this.mask.reset(this.canvas.width, this.canvas.height);
    this.changed("mask");
  }

  /** Lay a picture on the easel, in its own shape, with a mask if one is given.
   *
   * Throws where the bytes are no picture; until another takes its place, `refused` has the reason.
   */
  async load(blob, mask = null, sample = false) {
    const picture = await createImageBitmap(blob).catch(() => {
      const name = blob.name ?? "This file";
      throw (this.refused = new Error(`${name} is no picture that this browser can show.`));
    });
    this.remember();
    this.own(false, sample);
    await this.lay(picture, mask);
  }

  async lay(picture, mask) {
    const scale = LONGEST / Math.max(picture.width, picture.height);
    this.wipe(Math.ceil(picture.width * scale), Math.ceil(picture.height * scale));
    this.context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    if (mask) await this.mask.load(mask);
    this.changed("both");
  }

  /** What `restore` takes. */
  async kept() {
    const { blank, sample } = this;
    if (blank) return { blank };
    const [blob, mask] = [this.picture(), this.mask.blank ? null : this.mask.picture()];
    return { blank, sample, blob: await blob, mask: await mask };
  }

  /** Back to what was kept; there is nothing to undo yet. */
  async restore({ blank, sample, blob, mask }) {
    if (blank) return;
    const picture = await createImageBitmap(blob);
    this.own(false, sample);
    await this.lay(picture, mask);
  }

  example() {
    this.remember();
    this.wipe();
    this.context.fillStyle = COLOURS.red;
    this.context.beginPath();
    this.context.arc(145, 245, 92, 0, 7);
    this.context.fill();
    this.context.fillStyle = COLOURS.blue;
    this.context.fillRect(285, 175, 180, 180);
    this.own();
    this.changed("both");
  }

  /** Without a word: what the tool at hand works on. */
  changed(what = this.tool === "draw" ? "change" : "mask") {
    if (what !== "change") this.mask.settle();
    if (what !== "mask") this.dispatchEvent(new Event("change"));
    if (what !== "change") this.dispatchEvent(new Event("mask"));
  }

  /** The sketch as a PNG. */
  picture() {
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }
}
