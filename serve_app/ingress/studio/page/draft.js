// What is being written and drawn, kept in this browser for the next visit.

import { table } from "./database.js";

const PASSING = new Set(["tool"]); // what is at hand, not what is asked for

export class Draft {
  constructor(form, drawing) {
    Object.assign(this, { form, drawing, fields: {}, sketches: Promise.resolve() });
  }

  /** Put back what was kept, and keep what changes from now on. Gives whether there was any. */
  async restore() {
    const kept = await (await table("drafts")).all();
    const [fields, sketch] = ["fields", "sketch"].map((id) => kept.find((each) => each.id === id));
    if (sketch) await this.drawing.restore(sketch).catch(() => {});
    this.fill(fields?.fields ?? {}); // after the sketch: a mask sets some of them
    // Captured: events that controls are sent by the page need not bubble.
    for (const what of ["input", "change"]) {
      this.form.addEventListener(what, (event) => this.changed(event.target), { capture: true });
    }
    for (const what of ["change", "mask"]) {
      this.drawing.addEventListener(what, () => this.keepSketch());
    }
    return kept.length > 0;
  }

  fill(fields) {
    for (const [name, value] of Object.entries(fields)) {
      const control = this.form.elements[name];
      if (!control) continue; // of another version of the page
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
      if (control.dataset) control.dataset.kept = ""; // no default of the server's goes over it
      const event = new Event("input", { bubbles: true });
      if (control instanceof Element) control.dispatchEvent(event);
    }
    this.fields = fields;
    this.form.dispatchEvent(new Event("change"));
  }

  async changed({ name, type, checked, value }) {
    if (!name || PASSING.has(name) || this.form.elements[name] === undefined) return;
    this.fields[name] = type === "checkbox" ? checked : value;
    await this.put({ id: "fields", fields: this.fields });
  }

  keepSketch() {
    this.sketches = this.sketches.then(async () => {
      this.put({ id: "sketch", ...(await this.drawing.kept()) });
    });
  }

  /** Without room for it the draft is not kept; the page works all the same. */
  async put(record) {
    await (await table("drafts")).put(record).catch(() => {});
  }
}
