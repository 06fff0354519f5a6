// The brush's colours: a row of swatches, and one of a person's own.

export const COLOURS = {
  black: "#141414", white: "#f5f5f5", red: "#dc2828", orange: "#f08c1e",
  yellow: "#f0d228", green: "#28a03c", blue: "#2850dc", purple: "#8c32b4",
};

/** Offer the colours; `chosen` gets each that a person takes. */
export function offerColours(swatches, own, chosen) {
  for (const [name, value] of Object.entries(COLOURS)) {
    const label = document.createElement("label");
    label.className = "swatch";
    label.title = name;
    label.style.backgroundColor = value;
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "colour", value, checked: name === "black" });
    radio.setAttribute("aria-label", name);
    radio.addEventListener("change", () => chosen(value));
    label.append(radio);
    swatches.append(label);
  }
  own.addEventListener("input", () => {
    chosen(own.value);
    swatches.querySelectorAll("input").forEach((radio) => (radio.checked = false));
  });
}
