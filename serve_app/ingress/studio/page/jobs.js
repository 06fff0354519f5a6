// One run on the server: as a job, which outlives this page, where the service keeps jobs.

import { events, eventsOf, json, send } from "./api.js";
import { callOf } from "./request.js";

const AGAIN_MS = 2000;

/** Whether the service keeps jobs. */
export async function jobsAreKept() {
  return json("/v1/jobs").then(() => true, (error) => error.status !== 404);
}

/** The events of a run until it has ended; `stands` is given the job's report until the first.
 *
 * A run that was sent before is found again: its id is the request's idempotency key. Its `stopping`
 * cancels it, on the server too.
 */
export async function* follow(run, stands) {
  const { signal } = run.stopping;
  const [path, options] = await callOf(run.request);
  const headers = new Headers(options.headers);
  headers.set("Prefer", "respond-async");
  headers.set("Idempotency-Key", run.id);
  signal.throwIfAborted();
  // Not aborted while it is sent: a job that had begun would go on unseen.
  const sent = send(path, { ...options, headers });
  const response = await Promise.race([sent, aborted(signal)]).catch((error) => {
    sent.then(discard, () => {});
    throw error;
  });
  if (response.status !== 202) return yield* eventsOf(response, signal);
  const { id } = await response.json();
  signal.addEventListener("abort", () => cancel(id));
  if (signal.aborted) cancel(id);
  yield* watched(id, signal, stands);
}

async function* watched(id, signal, stands) {
  let heard = false;
  const look = async () => {
    const report = await json(`/v1/jobs/${id}`, { unasked: true }).catch(() => null);
    const open = ["queued", "running"].includes(report?.status);
    if (open && !heard && !signal.aborted) stands(report);
  };
  const looking = setInterval(look, AGAIN_MS);
  look();
  try {
    while (true) {
      let completed = false;
      try {
        for await (const event of events(`/v1/jobs/${id}/events`, { signal })) {
          clearInterval(looking);
          heard = true;
          completed = event.type.endsWith(".completed");
          yield event;
        }
      } catch (error) {
        if (error.code === "cancelled") throw new DOMException("cancelled elsewhere", "AbortError");
        if (!error.unreachable) throw error;
      }
      if (completed) return;
      // The connection broke; the job goes on.
      await Promise.race([new Promise((done) => setTimeout(done, AGAIN_MS)), aborted(signal)]);
    }
  } finally {
    clearInterval(looking);
    heard = true;
  }
}

async function discard(response) {
  if (response.status === 202) return cancel((await response.json()).id);
  return response.body.cancel();
}

function cancel(id) {
  return send(`/v1/jobs/${id}`, { method: "DELETE", unasked: true, keepalive: true }).catch(() => {});
}

function aborted(signal) {
  return new Promise((_, fail) => {
    if (signal.aborted) fail(signal.reason);
    signal.addEventListener("abort", () => fail(signal.reason));
  });
}
