// Finished pictures of this session, each to download or to go on with.

import { downloadLink, element, fileName } from "./elements.js";

export class Gallery {
  constructor(list, note, useAsInput) {
    Object.assign(this, { list, note, useAsInput });
  }

  add({ blob, prompt, seed, caption }) {
    this.note.hidden = true;
    const url = URL.createObjectURL(blob);
    const item = element("li");
    const picture = element("img", { src: url, alt: caption || prompt, loading: "lazy" });
    const words = element("p", { textContent: prompt, title: prompt });
    const more = element("p", { className: "note", textContent: `Seed ${seed}` });
    const use = element("button", { type: "button", textContent: "Use as input" });
    use.addEventListener("click", () => this.useAsInput(blob));
    const tools = element("div", { className: "tools" });
    tools.append(downloadLink(url, fileName(prompt, seed)), use);
    item.append(picture, words, more, tools);
    this.list.prepend(item);
  }
}
