// What a run asks for, and how it is sent.

import { base64Of, fieldsOf, multipart } from "./api.js";

const FIELDS = [
  "prompt", "negative_prompt", "seed", "num_inference_steps", "strength", "guidance_scale",
  "controlnet_conditioning_scale", "canny_low_threshold", "canny_high_threshold", "upscale",
  "mask_blur", "padding_mask_crop", "n", "size", "sampler",
];

/** The fields of the form, named as the API names them, and its pictures as blobs.
 *
 * `use` is what the sketch is for: "edges", "both", "start" or "none".
 */
export async function requestOf(form, drawing, use) {
  const request = { prompt: "", ...fieldsOf(form, FIELDS) }; // it may be empty
  request.caption = form.elements.caption.checked;
  const picture = use === "none" ? null : await drawing.picture();
  if (use === "edges" || use === "both") request.control_image = picture;
  if (use === "edges" || use === "none") return request;
  request.image = picture;
  if (!drawing.mask.blank) request.mask_image = await drawing.mask.picture();
  return request;
}

/** The path and the options of a `fetch` that streams what a request asks for. */
export async function callOf(request) {
  const all = Object.entries({ ...request, stream: true, partial_images: 3, progress: true });
  const blobs = all.filter(([, value]) => value instanceof Blob);
  const fields = Object.fromEntries(all.filter(([, value]) => !(value instanceof Blob)));
  if (request.image) {
    const body = multipart(fields, Object.fromEntries(blobs));
    return ["/v1/images/edits", { method: "POST", body }];
  }
  for (const [name, blob] of blobs) fields[name] = await base64Of(blob);
  const headers = { "Content-Type": "application/json" };
  return ["/v1/images/generations", { method: "POST", headers, body: JSON.stringify(fields) }];
}
