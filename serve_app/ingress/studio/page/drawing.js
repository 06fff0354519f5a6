// The sketch: brush strokes, undo, and pictures laid under them.

const LONGEST = 512; // the demo's drawing size; larger pictures are shrunk to it
const UNDOS = 20;
const COLOURS = {
  black: "#141414", white: "#f5f5f5", red: "#dc2828", orange: "#f08c1e",
  yellow: "#f0d228", green: "#28a03c", blue: "#2850dc", purple: "#8c32b4",
};

export class Drawing extends EventTarget {
  constructor(canvas, swatches, ownColour, size) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.size = size;
    this.colour = COLOURS.black;
    this.past = [];
    this.blank = true;
    this.sample = false; // an example that the first stroke replaces
    this.refused = null; // why the picture that was chosen last is none
    this.wipe();
    this.offerColours(swatches, ownColour);
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.end(event));
    }
  }

  offerColours(swatches, own) {
    for (const [name, value] of Object.entries(COLOURS)) {
      const label = document.createElement("label");
      label.className = "swatch";
      label.title = name;
      label.style.backgroundColor = value;
      const radio = document.createElement("input");
      Object.assign(radio, { type: "radio", name: "colour", value, checked: name === "black" });
      radio.setAttribute("aria-label", name);
      radio.addEventListener("change", () => (this.colour = value));
      label.append(radio);
      swatches.append(label);
    }
    own.addEventListener("input", () => {
      this.colour = own.value;
      swatches.querySelectorAll("input").forEach((radio) => (radio.checked = false));
    });
  }

  begin(event) {
    if (event.button !== 0 || this.pointer !== undefined) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.remember();
    if (this.sample) this.wipe();
    this.own();
    this.last = this.at(event);
    this.lineTo(this.last, event.pressure);
    this.changed();
  }

  go(event) {
    if (event.pointerId !== this.pointer) return;
    const missed = event.getCoalescedEvents?.() ?? [];
    for (const each of missed.length ? missed : [event]) this.lineTo(this.at(each), each.pressure);
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = undefined;
    this.changed();
  }

  /** Canvas pixels of an event: the canvas is shown at another size than it has. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * this.canvas.width) / box.width,
      y: ((event.clientY - box.top) * this.canvas.height) / box.height,
    };
  }

  lineTo(point, pressure) {
    const pen = this.context;
    pen.strokeStyle = this.colour;
    pen.lineWidth = Number(this.size.value) * (pressure > 0 ? 0.5 + pressure : 1); // a mouse has 0.5
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(this.last.x, this.last.y);
    pen.lineTo(point.x, point.y);
    pen.stroke();
    this.last = point;
  }

  wipe(width = LONGEST, height = LONGEST) {
    Object.assign(this.canvas, { width, height });
    this.context.fillStyle = COLOURS.white;
    this.context.fillRect(0, 0, width, height);
  }

  remember() {
    const { width, height } = this.canvas;
    this.past.push([this.context.getImageData(0, 0, width, height), this.blank, this.sample]);
    if (this.past.length > UNDOS) this.past.shift();
    this.blank = false;
  }

  /** What is on the easel now is the person's own. */
  own() {
    this.sample = false;
    this.refused = null;
  }

  undo() {
    if (!this.past.length) return;
    const [pixels, blank, sample] = this.past.pop();
    this.wipe(pixels.width, pixels.height);
    this.context.putImageData(pixels, 0, 0);
    this.own();
    Object.assign(this, { blank, sample });
    this.changed();
  }

  clear() {
    if (!this.blank) this.remember();
    this.wipe();
    this.own();
    this.blank = true;
    this.changed();
  }

  /** Lay a picture on the easel, in its own shape. Throws where the bytes are none; until another
   * takes its place, `refused` has the reason. */
  async load(blob) {
    const picture = await createImageBitmap(blob).catch(() => {
      const name = blob.name ?? "This file";
      throw (this.refused = new Error(`${name} is no picture that this browser can show.`));
    });
    this.remember();
    this.own();
    this.lay(picture);
  }

  lay(picture) {
    const scale = LONGEST / Math.max(picture.width, picture.height);
    this.wipe(Math.ceil(picture.width * scale), Math.ceil(picture.height * scale));
    this.context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    this.changed();
  }

  async laySample(blob) {
    await this.load(blob);
    this.sample = true;
    this.changed();
  }

  /** What `restore` takes. */
  async kept() {
    const { blank, sample } = this;
    return { blank, sample, blob: blank ? null : await this.picture() };
  }

  /** Back to what was kept; there is nothing to undo yet. */
  async restore({ blank, sample, blob }) {
    if (blank) return;
    const picture = await createImageBitmap(blob);
    Object.assign(this, { blank, sample });
    this.lay(picture);
  }

  example() {
    this.remember();
    this.own();
    this.wipe();
    this.context.fillStyle = COLOURS.red;
    this.context.beginPath();
    this.context.arc(145, 245, 92, 0, 7);
    this.context.fill();
    this.context.fillStyle = COLOURS.blue;
    this.context.fillRect(285, 175, 180, 180);
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** The sketch as a PNG. */
  picture() {
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }
}
