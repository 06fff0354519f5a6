// What the page keeps in this browser: tables of records with an `id`, in IndexedDB.

const TABLES = ["pictures", "runs", "drafts"];
let opening = null;

/** A table's `all`, `put`, `remove` and `clear`; in memory alone where the browser has no IndexedDB
 * for this page. */
export async function table(name) {
  opening ??= open().catch(() => null);
  const database = await opening;
  return database ? new Kept(database, name) : (inMemory[name] ??= new Passing());
}

async function open() {
  const request = indexedDB.open("studio", 1);
  request.onupgradeneeded = () => {
    for (const name of TABLES) request.result.createObjectStore(name, { keyPath: "id" });
  };
  return outcome(request).then((database) => {
    database.onversionchange = () => database.close();
    return database;
  });
}

function outcome(request) {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

class Kept {
  constructor(database, name) {
    Object.assign(this, { database, name });
  }

  all() {
    return outcome(this.database.transaction(this.name).objectStore(this.name).getAll());
  }

  put(record) {
    return this.change((records) => records.put(record));
  }

  remove(ids) {
    return this.change((records) => ids.forEach((id) => records.delete(id)));
  }

  clear() {
    return this.change((records) => records.clear());
  }

  /** Done when it is on the disk. Throws QuotaExceededError where that is full. */
  change(write) {
    const transaction = this.database.transaction(this.name, "readwrite");
    return new Promise((done, fail) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => fail(transaction.error);
      write(transaction.objectStore(this.name));
    });
  }
}

const inMemory = {};

class Passing {
  records = new Map();

  async all() {
    return [...this.records.values()];
  }

  async put(record) {
    this.records.set(record.id, record);
  }

  async remove(ids) {
    ids.forEach((id) => this.records.delete(id));
  }

  async clear() {
    this.records.clear();
  }
}
