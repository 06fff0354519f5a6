// Talks to the server: requests, errors as sentences, server-sent events, the API key.

const KEY = "api-key";
let askForKey = async () => null;

/** Say how a person is asked for the key: an async function that gives it, or null. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export class ApiError extends Error {
  constructor(message, status = 0, { retryAfter = null, code = null, unreachable = false } = {}) {
    super(message);
    Object.assign(this, { status, retryAfter, code, unreachable });
  }
}

/** A response that is ok; anything else is thrown as an ApiError a person can read.
 *
 * Where a key is needed the person is asked for it, unless the request is the page's own idea.
 */
export async function send(path, { unasked = false, ...options } = {}) {
  const response = await attempt(path, options);
  if (response.status !== 401 || unasked) return checked(response);
  const key = await askForKey();
  if (!key) return checked(response);
  sessionStorage.setItem(KEY, key);
  const again = await attempt(path, options);
  if (again.status === 401) sessionStorage.removeItem(KEY);
  return checked(again);
}

async function attempt(path, options) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  try {
    // Without credentials the browser leaves a 401 to us and opens no dialog of its own.
    return await fetch(path, { ...options, headers, credentials: "omit" });
  } catch (error) {
    throw readable(error);
  }
}

async function checked(response) {
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw problem(body, response.status, Number(response.headers.get("Retry-After")) || null);
}

function problem(body, status = 0, retryAfter = null) {
  const text = body?.error?.message ?? `The server answered ${status}.`;
  const sentence = text[0].toUpperCase() + text.slice(1).replace(/([^.!?])$/, "$1.");
  const again = retryAfter ? ` Try again in ${retryAfter} s.` : "";
  return new ApiError(sentence + again, status, { retryAfter, code: body?.error?.code });
}

/** fetch says "Failed to fetch" and the like; an abort stays as it is. */
function readable(error) {
  if (error.name === "AbortError" || error instanceof ApiError) return error;
  const words = "The server cannot be reached. Is it running, and the network up?";
  return new ApiError(words, 0, { unreachable: true });
}

export async function json(path, options) {
  return (await send(path, options)).json();
}

/** The events of a stream, parsed. An error event throws. */
export async function* events(path, options) {
  yield* eventsOf(await send(path, options), options.signal);
}

/** The same of a response that has come. */
export async function* eventsOf(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const stop = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  let rest = "";
  try {
    while (true) {
      signal.throwIfAborted();
      const { value, done } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").filter((line) => line.startsWith("data:"));
        if (!data.length) continue;
        const event = JSON.parse(data.map((line) => line.slice(5)).join("\n"));
        if (event.error) throw problem(event);
        yield event;
      }
    }
  } catch (error) {
    throw readable(error);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

export function blobOf(base64, format = "png") {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new Blob([bytes], { type: `image/${format}` });
}

/** The whole blob as bare base64. */
export async function base64Of(blob) {
  const reader = new FileReader();
  await new Promise((done, fail) => {
    reader.onload = done;
    reader.onerror = fail;
    reader.readAsDataURL(blob);
  });
  return reader.result.split(",")[1];
}

/** The fields of a form that hold something, numbers as numbers. */
export function fieldsOf(form, names) {
  const data = new FormData(form);
  const fields = {};
  for (const name of names) {
    const text = String(data.get(name) ?? "").trim();
    if (text) fields[name] = TEXTS.has(name) ? text : Number(text);
  }
  return fields;
}

const TEXTS = new Set(["prompt", "negative_prompt", "size", "sampler"]);

/** A multipart form of fields and files. */
export function multipart(fields, files) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  for (const [name, blob] of Object.entries(files)) form.append(name, blob, blob.name ?? name);
  return form;
}
