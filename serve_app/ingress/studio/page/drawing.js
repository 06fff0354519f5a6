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
    this.wipe();
    watchStrokes(canvas, {
      begin: (point, pressure) => this.begin(point, pressure),
      go: (point, pressure) => this.go(point, pressure),
      end: () => this.changed(),
    });
  }

  begin(point, pressure) {
    this.remember();
    if (this.tool === "draw") this.blank = false;
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
    });
    if (this.past.length > UNDOS) this.past.shift();
  }

  undo() {
    if (!this.past.length) return;
    const { sketch, mask, blank } = this.past.pop();
    this.wipe(sketch.width, sketch.height);
    this.context.putImageData(sketch, 0, 0);
    if (mask) this.mask.restore(mask);
    this.blank = blank;
    this.changed("both");
  }

  clear() {
    if (this.blank) return;
    this.remember();
    this.wipe();
    this.blank = true;
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
   * Throws where the bytes are no picture.
   */
  async load(blob, mask = null) {
    const picture = await createImageBitmap(blob).catch(() => {
      throw new Error(`${blob.name ?? "This file"} is no picture that this browser can show.`);
    });
    const scale = LONGEST / Math.max(picture.width, picture.height);
    this.remember();
    this.wipe(Math.ceil(picture.width * scale), Math.ceil(picture.height * scale));
    this.context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    if (mask) await this.mask.load(mask);
    this.blank = false;
    this.changed("both");
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
    this.blank = false;
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
