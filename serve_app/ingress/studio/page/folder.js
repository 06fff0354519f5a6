// A folder of pictures, each redrawn from itself: a few at once, each with its own fate.

import { blobOf, fieldsOf, json, multipart } from "./api.js";
import { downloadLink, element, fileName, say, setDefaults, showError, showValues } from "./elements.js";

const FIELDS = ["strength", "num_inference_steps", "guidance_scale", "seed", "upscale"];
const EMPTY = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
const BETWEEN_DOWNLOADS_MS = 200; // browsers drop what comes faster

export class FolderRun {
  constructor(form, list) {
    Object.assign(this, { form, list, cells: [] });
    this.at = (id) => form.querySelector(`#${id}`);
    showValues(form);
    for (const id of ["folder", "files"]) {
      this.at(id).addEventListener("change", (event) => {
        this.choose([...event.target.files]);
        event.target.value = ""; // the same choice again is a change too
      });
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.at("stop").addEventListener("click", () => this.running?.abort());
    this.at("download-all").addEventListener("click", () => this.downloadAll());
  }

  setDefaults(status) {
    setDefaults(this.form, status);
  }

  choose(files) {
    const pictures = files
      .filter((file) => file.type.startsWith("image/"))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const others = files.length - pictures.length;
    this.cells.forEach((cell) => cell.forget());
    this.cells = pictures.map((file) => new Cell(file));
    this.list.replaceChildren(...this.cells.map((cell) => cell.item));
    const left = others ? `, ${others} other ${others === 1 ? "file" : "files"} left out` : "";
    this.at("chosen").textContent = `${count(pictures.length)}${left}`;
    this.at("run").disabled = !pictures.length;
    this.at("download-all").disabled = true;
    this.tally();
  }

  async run() {
    if (this.running || !this.cells.length) return;
    const { signal } = (this.running = new AbortController());
    const fields = fieldsOf(this.form, FIELDS);
    const edges = this.form.elements.edges.checked;
    const queue = [...this.cells];
    queue.forEach((cell) => cell.reset());
    this.busy(true);
    const one = async () => {
      while (queue.length && !signal.aborted) {
        const error = await queue.shift().make(fields, edges, signal);
        if (error?.status === 401) this.running.abort(); // without a key none can succeed
        this.tally();
      }
    };
    await Promise.all(Array.from({ length: Number(this.form.elements.at_once.value) }, one));
    queue.forEach((cell) => cell.say("Cancelled"));
    this.running = null;
    this.busy(false);
    say(this.tally(signal.aborted ? "Cancelled: " : ""));
  }

  busy(busy) {
    for (const id of ["run", "folder", "files"]) this.at(id).disabled = busy;
    this.at("stop").disabled = !busy;
    this.at("download-all").disabled = busy || !this.cells.some((cell) => cell.state === "done");
    if (!busy) return;
    showError(this.at("folder-error"), null);
    say(`Started: ${count(this.cells.length)}`);
    this.tally();
  }

  tally(before = "") {
    const [done, failed] = ["done", "failed"].map(
      (state) => this.cells.filter((cell) => cell.state === state).length,
    );
    const all = this.cells.length;
    Object.assign(this.at("folder-progress"), { max: all || 1, value: done + failed });
    const words = `${before}${done} of ${all} done${failed ? `, ${failed} failed` : ""}`;
    this.at("folder-line").textContent = words;
    if (failed && failed === all) {
      showError(this.at("folder-error"), new Error("Every picture failed; each says why."));
    }
    return words;
  }

  async downloadAll() {
    for (const cell of this.cells.filter(({ state }) => state === "done")) {
      cell.link.click();
      await pause(BETWEEN_DOWNLOADS_MS);
    }
  }
}

/** One file: its picture, then its result or what went wrong. */
class Cell {
  constructor(file) {
    this.file = file;
    this.prompt = file.name.replace(/\.[^.]*$/, "").replaceAll("_", " ");
    this.source = URL.createObjectURL(file);
    this.item = element("li");
    this.picture = element("img", { alt: "" });
    this.picture.addEventListener("error", () => (this.picture.src = EMPTY));
    this.words = element("p", { className: "note" });
    this.tools = element("div", { className: "tools" });
    const title = element("p", { textContent: this.prompt, title: file.name });
    this.item.append(this.picture, title, this.words, this.tools);
    this.reset();
  }

  reset() {
    URL.revokeObjectURL(this.result);
    this.picture.src = this.source;
    this.tools.replaceChildren();
    this.say("Waiting");
  }

  /** Along its own edges, if told so. Gives the error, if it ends with one. */
  async make(fields, edges, signal) {
    this.say("Making", "busy");
    try {
      const answer = await this.answer(fields, edges, signal);
      const { b64_json, seed } = answer.data[0];
      this.result = URL.createObjectURL(blobOf(b64_json, answer.output_format));
      this.picture.src = this.result;
      this.picture.alt = this.prompt;
      this.link = downloadLink(this.result, fileName(this.prompt, seed));
      this.tools.append(this.link);
      this.say(`Seed ${seed}`, "done");
    } catch (error) {
      if (error.name === "AbortError") this.say("Cancelled");
      else this.say(error.message, "failed");
      return error;
    }
  }

  /** A full queue is no failure of this picture: it waits as long as the server says. */
  async answer(fields, edges, signal) {
    while (true) {
      const files = { image: this.file, ...(edges && { control_image: this.file }) };
      const body = multipart({ ...fields, prompt: this.prompt }, files);
      try {
        return await json("/v1/images/edits", { method: "POST", body, signal });
      } catch (error) {
        if (error.status !== 429 || !error.retryAfter) throw error;
        this.say(`The queue is full: again in ${error.retryAfter} s`, "busy");
        await pause(error.retryAfter * 1000, signal);
        this.say("Making", "busy");
      }
    }
  }

  say(words, state = "waiting") {
    this.state = this.item.dataset.state = state;
    this.words.textContent = words;
  }

  forget() {
    URL.revokeObjectURL(this.source);
    URL.revokeObjectURL(this.result);
  }
}

function count(pictures) {
  return pictures === 1 ? "1 picture" : `${pictures} pictures`;
}

function pause(milliseconds, signal) {
  return new Promise((done, fail) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason);
    });
  });
}
