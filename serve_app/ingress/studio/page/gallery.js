// The pictures that this browser keeps, each to download or to go on with.

import { downloadLink, element, fileName } from "./elements.js";

export class Gallery {
  constructor(list, note, history, useAsInput) {
    Object.assign(this, { list, note, history, useAsInput, urls: [] });
    history.addEventListener("change", () => this.look());
    this.look();
  }

  async look() {
    const records = await this.history.all();
    this.urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
    this.note.hidden = records.length > 0;
    this.list.replaceChildren(...records.map((record) => this.item(record)));
  }

  item({ blob, request: { prompt }, seed, caption }) {
    const url = URL.createObjectURL(blob);
    this.urls.push(url);
    const item = element("li");
    const picture = element("img", { src: url, alt: caption || prompt, loading: "lazy" });
    const words = element("p", { textContent: prompt, title: prompt });
    const more = element("p", { className: "note", textContent: `Seed ${seed}` });
    const use = element("button", { type: "button", textContent: "Use as input" });
    use.addEventListener("click", () => this.useAsInput(blob));
    const tools = element("div", { className: "tools" });
    tools.append(downloadLink(url, fileName(prompt, seed)), use);
    item.append(picture, words, more, tools);
    return item;
  }
}
