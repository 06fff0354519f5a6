// Zoom and pan of what is in a stage: wheel, drag, two fingers, and calls for keys and buttons.

const MOST = 16;
const STEP = 1.5;

/** Sets --zoom, --x and --y (pixels) of the stage, which its style sheet makes a transform of. */
export class Zoom {
  constructor(stage) {
    this.stage = stage;
    this.fingers = new Map();
    stage.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (this.zoom > 1) this.fit();
      else this.by(STEP ** 2, this.fromCentre(event));
    });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, this.fromCentre(event));
    });
    stage.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, (event) => this.fingers.delete(event.pointerId));
    }
    this.fit();
  }

  fit() {
    Object.assign(this, { zoom: 1, x: 0, y: 0 });
    this.show();
  }

  in() {
    this.by(STEP);
  }

  out() {
    this.by(1 / STEP);
  }

  /** Zoom so that the point, in pixels from the centre, stays where it is. */
  by(factor, { x, y } = { x: 0, y: 0 }) {
    const zoom = Math.min(MOST, Math.max(1, this.zoom * factor));
    const real = zoom / this.zoom;
    this.x = x - (x - this.x) * real;
    this.y = y - (y - this.y) * real;
    this.zoom = zoom;
    this.show();
  }

  pan(x, y) {
    this.x += x;
    this.y += y;
    this.show();
  }

  wheeled(event) {
    event.preventDefault();
    this.by(STEP ** (-event.deltaY / 100), this.fromCentre(event));
  }

  moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.fromCentre(event);
    this.fingers.set(event.pointerId, now);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return this.pan(now.x - before.x, now.y - before.y);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.by(distance(now, other) / Math.max(1, distance(before, other)), middle);
  }

  fromCentre(event) {
    const box = this.pane(event).getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    return { x: event.clientX - x, y: event.clientY - y };
  }

  /** Side by side each picture has a centre of its own. */
  pane({ clientX: x }) {
    const panes = [...this.stage.children].filter((each) => !each.hidden);
    const under = panes.find((each) => x <= each.getBoundingClientRect().right);
    return under ?? panes.at(-1) ?? this.stage;
  }

  /** Never so far that the picture leaves its pane. */
  show() {
    const pane = this.stage.firstElementChild ?? this.stage;
    const room = (side) => (side * (this.zoom - 1)) / 2;
    const within = (value, most) => Math.min(most, Math.max(-most, value));
    this.x = within(this.x, room(pane.clientWidth));
    this.y = within(this.y, room(pane.clientHeight));
    const { style, dataset } = this.stage;
    style.setProperty("--zoom", this.zoom);
    style.setProperty("--x", `${this.x}px`);
    style.setProperty("--y", `${this.y}px`);
    dataset.zoom = this.zoom.toFixed(2);
  }
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
