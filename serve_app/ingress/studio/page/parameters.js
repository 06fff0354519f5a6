// The line of parameters that a PNG of the service carries, as web UI and its successors write it:
// the prompts, then `Name: value` pairs. Names that this page has no field for are passed over.

import { pngText } from "./png_text.js";

const NEGATIVE = "Negative prompt: ";
const PAIR = /([\w][\w \-/]{0,60}): ("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)/g;
const LEAST_PAIRS = 3;
const NUMBERS = {
  "steps": "num_inference_steps",
  "cfg scale": "guidance_scale",
  "seed": "seed",
  "denoising strength": "strength",
  "mask blur": "mask_blur",
  "masked area padding": "padding_mask_crop",
  "postprocess upscale by": "upscale",
  "weight": "controlnet_conditioning_scale", // these three of a ControlNet unit
  "threshold a": "canny_low_threshold",
  "threshold b": "canny_high_threshold",
};

/** A picture's parameters as fields of the API, or null where it carries none. */
export async function parametersIn(blob) {
  return fieldsOfText((await pngText(blob, "parameters")) ?? "");
}

export function fieldsOfText(text) {
  const lines = text.trim().split("\n");
  const pairs = pairsOf(lines.pop());
  if (pairs.length < LEAST_PAIRS) return null;
  const negative = lines.findIndex((line) => line.startsWith(NEGATIVE));
  const end = negative < 0 ? lines.length : negative;
  const fields = Object.assign({}, ...pairs.map(([name, value]) => fieldOf(name, value)));
  // Under a mask the size is that of the part that was made, not of the picture.
  if (pairs.some(([name]) => name.startsWith("Mask "))) delete fields.size;
  return {
    prompt: lines.slice(0, end).join("\n"),
    negative_prompt: lines.slice(end).join("\n").slice(NEGATIVE.length),
    ...fields,
  };
}

function pairsOf(line) {
  return [...line.matchAll(PAIR)].map(([, name, value]) => [name.trim(), unquoted(value.trim())]);
}

function unquoted(value) {
  try {
    return value.startsWith('"') ? JSON.parse(value) : value;
  } catch {
    return value.replaceAll('"', "");
  }
}

function fieldOf(name, value) {
  const known = name.toLowerCase();
  if (known === "sampler") return { sampler: samplerOf(value) };
  if (known === "size" && /^\d+x\d+$/.test(value)) return { size: value };
  if (known === "controlnet 0") {
    return Object.assign({}, ...pairsOf(value).map((pair) => fieldOf(...pair)));
  }
  const field = NUMBERS[known] ?? known.replaceAll(" ", "_");
  const number = Number(value);
  return value && Number.isFinite(number) ? { [field]: number } : {};
}

/** "DPM++ 2M Karras" is dpmpp_2m_karras. */
function samplerOf(name) {
  return name.toLowerCase().replaceAll("++", "pp").replaceAll(" ", "_");
}

/** As the service wrote it, or in the same form from what was asked for. */
export async function textOf({ blob, request, seed }) {
  const written = await pngText(blob, "parameters");
  if (written !== null) return written;
  const { prompt, negative_prompt: negative, ...others } = request;
  const names = Object.fromEntries(Object.entries(NUMBERS).map(([name, field]) => [field, name]));
  const pairs = Object.entries({ ...others, seed })
    .filter(([, value]) => ["string", "number"].includes(typeof value))
    .map(([field, value]) => `${capital(names[field] ?? field.replaceAll("_", " "))}: ${value}`);
  return [prompt, ...(negative ? [NEGATIVE + negative] : []), pairs.join(", ")].join("\n");
}

function capital(words) {
  return words[0].toUpperCase() + words.slice(1);
}
