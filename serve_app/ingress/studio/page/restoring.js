// A finished picture's parameters, put back into the form.

import { say } from "./elements.js";
import { parametersIn } from "./parameters.js";

// What counts as not asked for where nothing is said of it. A seed is one picture's own.
const LEFT_OUT = { negative_prompt: "", size: "", sampler: "", n: 1 };

/** All of a record of the gallery: its pictures go back onto the easel. */
export async function restoreRecord(form, easel, { request, seed }) {
  const { image, control_image: control, mask_image: mask, ...fields } = request;
  const use = image ? (control ? "both" : "start") : control ? "edges" : "none";
  if (image ?? control) await easel.lay(image ?? control, mask);
  setFields(form, { ...fields, seed, n: 1, use, crop: "padding_mask_crop" in fields });
  say("Settings restored");
}

/** What a PNG carries. False where that is nothing; the easel stays as it is. */
export async function restorePng(form, blob) {
  const fields = await parametersIn(blob);
  if (!fields) return false;
  setFields(form, { ...fields, n: 1 });
  say("Settings restored");
  return true;
}

/** Set controls by name; what has no control, or no such choice, is passed over. */
export function setFields(form, fields) {
  for (const [name, value] of Object.entries({ ...LEFT_OUT, ...fields })) {
    const control = form.elements[name];
    if (!control) continue;
    if (control.type === "checkbox") control.checked = Boolean(value);
    else if (!control.options || offers(control, value)) control.value = value;
    const inputs = control instanceof RadioNodeList ? [...control] : [control];
    inputs.forEach((each) => each.dispatchEvent(new Event("input", { bubbles: true })));
  }
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

function offers(select, value) {
  return [...select.options].some((option) => option.value === String(value));
}
