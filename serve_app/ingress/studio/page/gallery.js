// The pictures that this browser keeps: shown, favoured, selected, downloaded together, deleted.

import { copyText } from "./clipboard.js";
import { element, fileName, say, showError } from "./elements.js";
import { GalleryItem } from "./gallery_item.js";
import { textOf } from "./parameters.js";
import { zipped } from "./zip.js";

export class Gallery {
  /** `use` takes a blob as input, and `restore` a record's settings. */
  constructor(card, history, viewer, { use, restore }) {
    Object.assign(this, { card, history, viewer, records: [], items: new Map(), deleted: [] });
    this.at = (id) => card.querySelector(`#${id}`);
    const error = this.at("gallery-error");
    this.trying = (act) => async (...given) => {
      showError(error, null);
      await Promise.resolve(act(...given)).catch((problem) => showError(error, problem));
    };
    this.acts = {
      open: (record) => viewer.open(this.shown(), record),
      use: ({ blob }) => use(blob),
      restore: this.trying(restore),
      copy: this.trying((record) => this.copy(record)),
      star: this.trying(({ id, favourite }) => history.update(id, { favourite: !favourite })),
      remove: this.trying((record) => this.remove([record])),
    };
    const clicks = {
      "select-all": () => this.selectAll(),
      "download-selected": this.trying(() => this.download(this.selected())),
      "compare-selected": () => viewer.compare(this.selected()),
      "delete-selected": this.trying(() => this.remove(this.selected())),
      "bring-back": this.trying(() => this.bringBack()),
    };
    for (const [id, act] of Object.entries(clicks)) this.at(id).addEventListener("click", act);
    this.at("only-favourites").addEventListener("change", () => this.show());
    history.addEventListener("change", () => this.look());
    this.look();
  }

  async look() {
    const asked = (this.asked = Symbol());
    const records = await this.history.all();
    if (asked !== this.asked) return; // a later look has begun
    this.records = records;
    this.show();
  }

  shown() {
    const only = this.at("only-favourites").checked;
    return this.records.filter(({ favourite }) => favourite || !only);
  }

  /** Items stay the same elements, so that focus and selection stay where they are. */
  show() {
    const kept = new Set(this.records.map(({ id }) => id));
    for (const [id, item] of this.items) {
      if (kept.has(id)) continue;
      item.forget();
      this.items.delete(id);
    }
    const list = this.at("gallery");
    const shown = this.shown();
    const listed = new Set(shown.map(({ id }) => id));
    for (const [id, item] of this.items) if (!listed.has(id)) item.item.remove();
    shown.forEach((record, index) => {
      if (!this.items.has(record.id)) {
        this.items.set(record.id, new GalleryItem(record, this.acts, () => this.follow()));
      }
      const item = this.items.get(record.id);
      item.update(record);
      if (list.children[index] !== item.item) list.insertBefore(item.item, list.children[index]);
    });
    this.at("gallery-tools").hidden = !this.records.length;
    this.at("gallery-note").hidden = this.records.length > 0;
    this.follow();
  }

  selected() {
    return this.shown().filter(({ id }) => this.items.get(id).pick.checked);
  }

  follow() {
    const count = this.selected().length;
    this.at("selected").textContent = count ? `${count} selected` : "";
    this.at("select-all").textContent = count ? "Select none" : "Select all";
    this.at("download-selected").disabled = this.at("delete-selected").disabled = !count;
    this.at("compare-selected").disabled = count !== 2;
  }

  selectAll() {
    const none = this.selected().length > 0;
    for (const { id } of this.shown()) this.items.get(id).pick.checked = !none;
    this.follow();
  }

  async copy(record) {
    await copyText(await textOf(record));
    say("Settings copied");
  }

  async download(records) {
    const names = new Map();
    const files = records.map(({ blob, request, seed, created }) => {
      const name = fileName(request.prompt, seed);
      const times = (names.get(name) ?? 0) + 1;
      names.set(name, times);
      const unique = times > 1 ? name.replace(/(\.\w+)$/, `_${times}$1`) : name;
      return { name: unique, blob, date: new Date(created) };
    });
    const href = URL.createObjectURL(await zipped(files));
    element("a", { href, download: "pictures.zip" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser still reads it
  }

  async remove(records) {
    this.deleted = records;
    await this.history.remove(records.map(({ id }) => id));
    this.at("bring-back").textContent = `Bring back ${records.length} deleted`;
    this.at("bring-back").hidden = false;
    this.at("bring-back").focus();
  }

  async bringBack() {
    const back = this.deleted.splice(0);
    this.at("bring-back").hidden = true;
    for (const record of back) await this.history.add(record);
    this.at("select-all").focus();
  }
}
