// What the API offers: samplers from its description, sizes and counts from the status.

import { json } from "./api.js";
import { element } from "./elements.js";

const SHAPES = [[1, 1], [4, 3], [3, 4], [3, 2], [2, 3], [16, 9], [9, 16]];

/** Offer the samplers that the description of a generation lists. */
export async function offerSamplers(select) {
  const { components } = await json("/openapi.json", { unasked: true });
  const field = components.schemas.ImageRequest.properties.sampler;
  const names = (field.anyOf ?? [field]).flatMap((each) => each.enum ?? []);
  select.append(...names.map((value) => element("option", { value, textContent: value })));
}

/** Sizes of about the default's area in usual shapes, and how many pictures may be asked for. */
export function offerLimits(form, { defaults, limits }) {
  const { size, n } = form.elements;
  const area = defaults.width * defaults.height;
  const sizes = SHAPES.map(([wide, high]) => {
    const unit = Math.sqrt(area / (wide * high));
    const side = (parts) => Math.max(8, Math.floor((unit * parts + 1e-6) / 8) * 8);
    return `${side(wide)}x${side(high)}`;
  });
  const offered = [...new Set([`${defaults.width}x${defaults.height}`, ...sizes])];
  size.list.replaceChildren(...offered.map((value) => element("option", { value })));
  n.max = limits.max_images;
}
