// What of the picture is to be made anew: an overlay, opaque where it covers, shown translucent.

import { line } from "./strokes.js";

const COLOUR = "#e0218a";
const COVERED = 128; // the server's own threshold

export class Mask {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.blank = true;
  }

  /** Empty, and as large as the picture beneath. */
  reset(width, height) {
    Object.assign(this.canvas, { width, height });
    this.blank = true;
  }

  stroke(from, to, width, erase) {
    this.context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    line(this.context, from, to, width, COLOUR);
    this.context.globalCompositeOperation = "source-over";
  }

  invert() {
    this.fill(this.context, COLOUR, "source-out");
  }

  /** Find out whether anything is covered, after any change. */
  settle() {
    const { data } = this.pixels();
    this.blank = true;
    for (let at = 3; at < data.length && this.blank; at += 4) this.blank = data[at] < COVERED;
  }

  pixels() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  restore(pixels) {
    this.context.putImageData(pixels, 0, 0);
  }

  /** Lay a mask that was sent, white where it covers, at the size there is. */
  async load(blob) {
    const { width, height } = this.canvas;
    const picture = await createImageBitmap(blob);
    this.context.clearRect(0, 0, width, height);
    this.context.drawImage(picture, 0, 0, width, height);
    const grey = this.pixels();
    const [red, green, blue] = COLOUR.match(/\w\w/g).map((digits) => parseInt(digits, 16));
    for (let at = 0; at < grey.data.length; at += 4) {
      grey.data.set([red, green, blue, grey.data[at]], at);
    }
    this.restore(grey);
  }

  /** A PNG, white where the picture is to be made anew and black elsewhere. */
  picture() {
    const { width, height } = this.canvas;
    const copy = Object.assign(document.createElement("canvas"), { width, height });
    const pen = copy.getContext("2d");
    pen.drawImage(this.canvas, 0, 0);
    this.fill(pen, "#fff", "source-in");
    this.fill(pen, "#000", "destination-over");
    return new Promise((done) => copy.toBlob(done, "image/png"));
  }

  fill(pen, colour, operation) {
    pen.globalCompositeOperation = operation;
    pen.fillStyle = colour;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    pen.globalCompositeOperation = "source-over";
  }
}
