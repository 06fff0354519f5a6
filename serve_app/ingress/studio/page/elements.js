// Small pieces of the page that more than one part of it makes.

export function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

export function downloadLink(href, download) {
  return element("a", { className: "button", href, download, textContent: "Download" });
}

/** A name that any file system takes. */
export function fileName(words, seed) {
  const plain = words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "");
  return `${plain.slice(0, 60) || "picture"}_${seed}.png`;
}

/** Keep the number beside every slider of a form true. */
export function showValues(form) {
  for (const slider of form.querySelectorAll("label.slider input")) {
    const value = slider.closest("label").querySelector(".value");
    const show = () => (value.textContent = slider.value);
    slider.addEventListener("input", show);
    show();
  }
}

/** Set sliders to the server's defaults, where the person has not moved them yet. */
export function setDefaults(form, { defaults, limits }) {
  for (const slider of form.querySelectorAll("label.slider input")) {
    if (slider.name === "num_inference_steps") slider.max = limits.max_steps;
    const moved = slider.value !== slider.defaultValue || "kept" in slider.dataset;
    if (!(slider.name in defaults) || moved) continue;
    slider.value = slider.defaultValue = defaults[slider.name];
    slider.dispatchEvent(new Event("input"));
  }
}

/** Show an error, or with null take it away. An abort is the person's wish, not an error. */
export function showError(place, error) {
  const shown = error !== null && error.name !== "AbortError";
  place.hidden = !shown;
  place.textContent = shown ? error.message : "";
}

/** Tell those who hear the page. */
export function say(words) {
  document.getElementById("live").textContent = words;
}
