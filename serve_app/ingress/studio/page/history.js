// Finished pictures, kept in this browser, bounded in number and in bytes.
//
// A record: { id, created (ms since 1970), blob, caption (or null), request, seed, size ("WxH"),
// timings (seconds by stage), favourite }. `request` has every parameter that was sent, named as
// the API names it; `image`, `control_image` and `mask` are blobs.

import { table } from "./database.js";

const MOST = 300;
const MOST_BYTES = 256 * 2 ** 20;

/** Dispatches "change" after each change that it made. */
export class History extends EventTarget {
  constructor(most = MOST, mostBytes = MOST_BYTES) {
    super();
    Object.assign(this, { most, mostBytes });
  }

  /** Keep a record, and forget the oldest that there is no room for; favourites stay longest.
   *
   * Gives the record with its id. Throws where the browser has no room for it at all.
   */
  async add(record) {
    const whole = { id: newId(), created: Date.now(), favourite: false, ...record };
    const pictures = await table("pictures");
    try {
      await pictures.put(whole);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      const all = await this.all();
      await pictures.remove(surplus(all, this.most, all.reduce(plusBytes, 0) / 2));
      await pictures.put(whole);
    }
    await pictures.remove(surplus(await this.all(), this.most, this.mostBytes));
    this.changed();
    return whole;
  }

  /** The newest first. */
  async all() {
    const records = await (await table("pictures")).all();
    return records.sort((a, b) => b.created - a.created);
  }

  /** Change fields of a record; one that is gone stays gone. */
  async update(id, changes) {
    const record = (await this.all()).find((each) => each.id === id);
    if (!record) return;
    await (await table("pictures")).put({ ...record, ...changes });
    this.changed();
  }

  async remove(ids) {
    await (await table("pictures")).remove(ids);
    this.changed();
  }

  async clear() {
    await (await table("pictures")).clear();
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The ids of those that go, of records with the newest first. The newest of all stays. */
function surplus(records, most, mostBytes) {
  const [newest, ...others] = records;
  const first = [newest, ...others.filter((each) => each.favourite)];
  const inOrder = [...first, ...others.filter((each) => !each.favourite)].filter(Boolean);
  let [count, bytes] = [0, 0];
  return inOrder
    .filter((record) => {
      [count, bytes] = [count + 1, plusBytes(bytes, record)];
      return record !== newest && (count > most || bytes > mostBytes);
    })
    .map((record) => record.id);
}

function plusBytes(bytes, { blob, request }) {
  const blobs = [blob, ...Object.values(request)].filter((each) => each instanceof Blob);
  return blobs.reduce((sum, each) => sum + each.size, bytes);
}

/** Of random digits: crypto.randomUUID is only there over HTTPS. */
export function newId() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}
