// What the model can draw, where its card says so: examples, and words that it does not know.

import { blobOf, json } from "./api.js";
import { element } from "./elements.js";

const SHOWN = 6;

export class PromptHelp {
  constructor(form, drawing) {
    Object.assign(this, { drawing, examples: [], vocabulary: null });
    this.at = (id) => form.querySelector(`#${id}`);
    this.prompt = form.elements.prompt;
    this.prompt.addEventListener("input", () => this.check());
  }

  async learn() {
    const { data } = await json("/v1/models", { unasked: true });
    const [{ description, examples, vocabulary }] = data;
    if (vocabulary?.length) this.vocabulary = new Set(vocabulary);
    this.examples = (examples ?? []).slice(0, SHOWN);
    this.at("model-note").textContent = description ?? "";
    this.at("model-note").hidden = !description;
    this.at("examples").hidden = !this.examples.length;
    this.at("examples").append(...this.examples.map((example) => this.chip(example)));
    this.check();
  }

  chip(example) {
    const chip = element("button", { type: "button", textContent: example.prompt });
    chip.addEventListener("click", () => this.lay(example));
    return chip;
  }

  /** An example's prompt, and its sketch: over what somebody has drawn only `overAll`. */
  async lay({ prompt, control_image: picture }, overAll = false) {
    this.prompt.value = prompt;
    this.prompt.dispatchEvent(new Event("input", { bubbles: true }));
    if (picture && (overAll || this.drawing.blank || this.drawing.sample)) {
      await this.drawing.load(blobOf(picture), null, true);
    }
  }

  /** An example at random, other than the one that shows. Gives false where there is none. */
  async layAny() {
    const others = this.examples.filter(
      ({ prompt, control_image: picture }) => picture && prompt !== this.prompt.value,
    );
    if (!others.length) return false;
    await this.lay(others[Math.floor(Math.random() * others.length)], true);
    return true;
  }

  check() {
    const unknown = this.vocabulary === null ? [] : unknownWords(this.prompt.value, this.vocabulary);
    this.at("unknown").hidden = !unknown.length;
    const words = `Not known to this model: ${unknown.join(", ")}`;
    // Not said again at each letter.
    if (unknown.length && this.at("unknown").textContent !== words) {
      this.at("unknown").textContent = words;
    }
  }
}

function unknownWords(text, vocabulary) {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
  return [...new Set(words)].filter((word) => !vocabulary.has(word));
}
