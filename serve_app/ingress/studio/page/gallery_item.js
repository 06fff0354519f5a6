// One picture of the gallery: itself, what is known of it, and what can be done with it.

import { downloadLink, element, fileName } from "./elements.js";

export class GalleryItem {
  /** `acts` are functions of the record: open, use, restore, copy, star, remove; `picked` of none. */
  constructor(record, acts, picked) {
    this.record = record;
    const { request, caption, seed, size } = record;
    const { prompt } = request;
    this.url = URL.createObjectURL(record.blob);
    const picture = element("img", { src: this.url, alt: caption || prompt, loading: "lazy" });
    const open = button("", () => acts.open(this.record), `Enlarge: ${caption || prompt}`);
    open.className = "open";
    open.append(picture);

    this.pick = element("input", { type: "checkbox" });
    this.pick.setAttribute("aria-label", `Select: ${prompt}`);
    this.pick.addEventListener("change", picked);
    this.star = button("★", () => acts.star(this.record), `Favourite: ${prompt}`);
    this.star.className = "star";
    const top = element("div", { className: "corner" });
    top.append(this.pick, this.star);

    const words = element("p", { textContent: prompt, title: prompt });
    const facts = `Seed ${seed}${size ? ` · ${size.replace("x", " × ")}` : ""}`;
    const tools = element("div", { className: "tools" });
    tools.append(
      downloadLink(this.url, fileName(prompt, seed)),
      button("Use as input", () => acts.use(this.record)),
      this.more(acts),
    );
    this.item = element("li");
    this.item.append(open, top, words, element("p", { className: "note", textContent: facts }), tools);
    this.update(record);
  }

  more(acts) {
    const details = element("details");
    details.append(element("summary", { className: "button", textContent: "More" }));
    const tools = element("div", { className: "tools" });
    tools.append(
      button("Restore settings", () => acts.restore(this.record)),
      button("Copy settings", () => acts.copy(this.record)),
      button("Delete", () => acts.remove(this.record)),
    );
    details.append(tools);
    return details;
  }

  update(record) {
    this.record = record;
    this.star.setAttribute("aria-pressed", String(Boolean(record.favourite)));
    this.star.title = record.favourite ? "No longer a favourite" : "Make it a favourite";
  }

  forget() {
    URL.revokeObjectURL(this.url);
    this.item.remove();
  }
}

function button(textContent, act, name = null) {
  const made = element("button", { type: "button", textContent });
  if (name) made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}
