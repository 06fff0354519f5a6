// The edges of the sketch, asked for again shortly after it or a threshold changes.

import { send } from "./api.js";

const PAUSE_MS = 250;

export function showEdges(drawing, low, high, image, note) {
  let timer, running;

  async function look() {
    running?.abort();
    if (drawing.blank) return show(null, "Edges show here");
    const mine = (running = new AbortController());
    const query = new URLSearchParams({ low_threshold: low.value, high_threshold: high.value });
    try {
      const body = await drawing.picture();
      const options = { method: "POST", body, signal: mine.signal, unasked: true };
      const response = await send(`/v1/canny?${query}`, options);
      show(await response.blob(), "");
    } catch (error) {
      if (error.name !== "AbortError") show(null, error.message);
    }
  }

  function show(blob, words) {
    URL.revokeObjectURL(image.src);
    image.hidden = !blob;
    note.textContent = words;
    if (!blob) return image.removeAttribute("src");
    image.src = URL.createObjectURL(blob);
    image.alt = "The edges of your picture, white on black";
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  }

  // The server refuses a low threshold over the high one: one slider pushes the other.
  function push(moved, other, beyond) {
    moved.addEventListener("input", () => {
      if (beyond(Number(moved.value), Number(other.value))) {
        other.value = moved.value;
        other.dispatchEvent(new Event("input"));
      }
      soon();
    });
  }

  push(low, high, (a, b) => a > b);
  push(high, low, (a, b) => a < b);
  drawing.addEventListener("change", soon);
}
