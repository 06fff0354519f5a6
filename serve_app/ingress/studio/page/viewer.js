// A picture enlarged over the page: zoom, pan, what it started from, or another beside it.

import { Comparison } from "./comparison.js";
import { Zoom } from "./zoom.js";

const PAN = 80; // pixels a key press

export class Viewer {
  constructor(dialog) {
    this.dialog = dialog;
    this.at = (id) => dialog.querySelector(`#${id}`);
    this.picture = this.at("viewer-picture");
    this.zoom = new Zoom(this.at("views"));
    this.comparison = new Comparison(this.at("views"), this.at("viewer-compare"));
    const acts = {
      "viewer-previous": () => this.go(-1),
      "viewer-next": () => this.go(1),
      "viewer-in": () => this.zoom.in(),
      "viewer-out": () => this.zoom.out(),
      "viewer-fit": () => this.zoom.fit(),
      "viewer-side": () => this.side(!this.beside),
      "viewer-close": () => dialog.close(),
    };
    for (const [id, act] of Object.entries(acts)) this.at(id).addEventListener("click", act);
    // Of the document: a button that has just been disabled leaves the focus nowhere.
    document.addEventListener("keydown", (event) => dialog.open && this.pressed(event));
    dialog.addEventListener("close", () => this.closed());
  }

  /** One of several records, over what it started from if it did. */
  open(records, record) {
    this.records = records;
    this.index = records.findIndex((each) => each.id === record.id);
    this.show(record, record.request.image, "Before, over after");
  }

  /** The first over the second. */
  compare([first, second]) {
    this.records = [second];
    this.index = 0;
    this.show(second, first.blob, "The first, over the second", 50, first);
  }

  show(record, over, words, share = 0, other = null) {
    URL.revokeObjectURL(this.picture.src);
    this.picture.src = URL.createObjectURL(record.blob);
    this.picture.alt = nameOf(record);
    this.at("viewer-title").textContent = [other, record].filter(Boolean).map(nameOf).join(" · ");
    this.at("viewer-over").textContent = words;
    if (over) this.comparison.show(over, other ? nameOf(other) : "What it started from", share);
    else this.comparison.hide();
    this.at("viewer-side").hidden = !over;
    this.at("viewer-previous").disabled = this.index <= 0;
    this.at("viewer-next").disabled = this.index >= this.records.length - 1;
    this.side(false);
    if (!this.dialog.open) this.dialog.showModal();
    this.zoom.fit();
  }

  side(beside) {
    this.beside = beside;
    this.at("viewer-side").setAttribute("aria-pressed", String(beside));
    this.at("views").dataset.beside = beside;
    this.comparison.slider.disabled = beside;
    this.zoom.fit();
  }

  go(step) {
    const record = this.records[this.index + step];
    if (record) this.open(this.records, record);
  }

  pressed(event) {
    if (event.target.matches("input") && event.key.startsWith("Arrow")) return; // the slider's own
    const pan = event.shiftKey;
    const act = {
      ArrowLeft: () => (pan ? this.zoom.pan(PAN, 0) : this.go(-1)),
      ArrowRight: () => (pan ? this.zoom.pan(-PAN, 0) : this.go(1)),
      ArrowUp: () => pan && this.zoom.pan(0, PAN),
      ArrowDown: () => pan && this.zoom.pan(0, -PAN),
      "+": () => this.zoom.in(),
      "-": () => this.zoom.out(),
      0: () => this.zoom.fit(),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  closed() {
    this.comparison.hide();
    URL.revokeObjectURL(this.picture.src);
    this.picture.removeAttribute("src");
  }
}

function nameOf(record) {
  return record.caption || record.request.prompt;
}
