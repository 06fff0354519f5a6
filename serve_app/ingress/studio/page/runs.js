// Runs, one after another. Each is kept in the browser until it has ended, so that a reload finds it.

import { ApiError, blobOf } from "./api.js";
import { table } from "./database.js";
import { newId } from "./history.js";
import { follow, jobsAreKept } from "./jobs.js";

const NO_ROOM = "This browser has no room to keep the picture: save it now.";

/** `watcher` hears of a run: `began`, `progressed`, `made` and `ended`; and `changed`, with those
 * that have not ended, the one that runs first.
 */
export class Runs {
  constructor(history, watcher) {
    Object.assign(this, { history, watcher, all: [], running: null });
  }

  async add(request) {
    const run = { id: newId(), created: Date.now(), request };
    // Where there is no room to keep it, it is made all the same.
    const kept = await (await table("runs")).put(run).then(() => true, () => false);
    this.enter([{ ...run, kept }]);
  }

  /** Go on with the runs that a page before this one left. */
  async resume() {
    const kept = await (await table("runs")).all();
    if (!kept.length) return;
    // Without jobs their work ended with their page.
    if (!(await jobsAreKept())) return (await table("runs")).clear();
    const here = new Set(this.all.map(({ id }) => id));
    const found = kept.filter(({ id }) => !here.has(id)).map((run) => ({ ...run, kept: true }));
    this.enter(found.sort((a, b) => a.created - b.created));
  }

  enter(runs) {
    this.all.push(...runs.map((run) => ({ ...run, stopping: new AbortController() })));
    this.watcher.changed(this.all);
    if (!this.running) this.work();
  }

  async work() {
    while ((this.running = this.all[0] ?? null)) {
      if (!(await this.endedElsewhere(this.running))) await this.make(this.running);
      await this.leave(this.running);
    }
  }

  /** Another tab has the same runs. */
  async endedElsewhere({ id, kept }) {
    if (!kept) return false;
    return !(await (await table("runs")).all()).some((each) => each.id === id);
  }

  /** Stop a run, or take it out of the queue. */
  async cancel(run) {
    run.stopping.abort();
    if (run !== this.running) await this.leave(run);
  }

  async leave(run) {
    this.all = this.all.filter((each) => each !== run);
    this.watcher.changed(this.all);
    await (await table("runs")).remove([run.id]);
  }

  async make(run) {
    let made = 0;
    let unkept = null;
    this.watcher.began(run);
    try {
      const stands = (report) => this.watcher.progressed(report);
      for await (const event of follow(run, stands)) {
        if (event.type.endsWith(".completed")) {
          made += 1;
          await this.keep(run, event).catch(() => (unkept = new ApiError(NO_ROOM)));
        } else {
          this.watcher.progressed(event);
        }
      }
      if (!made) throw new ApiError("The server ended before the picture was finished.");
      this.watcher.ended(unkept);
    } catch (error) {
      this.watcher.ended(error);
    }
  }

  async keep(run, event) {
    const { seed, caption, size, timings } = event;
    const blob = blobOf(event.b64_json, event.output_format);
    const { request } = run;
    this.watcher.made(event, blob);
    // The id is the same in whichever tab it was made, and however often it was asked for.
    await this.history.add({ id: `${run.id}-${seed}`, blob, caption, request, seed, size, timings });
  }
}
