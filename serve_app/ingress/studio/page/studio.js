// Studio: puts the parts of the page together. Everything goes through the public API.

import { onKeyNeeded } from "./api.js";
import { offerLimits, offerSamplers } from "./choices.js";
import { Draft } from "./draft.js";
import { Drawing } from "./drawing.js";
import { Easel } from "./easel.js";
import { showEdges } from "./edges.js";
import { showError } from "./elements.js";
import { FolderRun } from "./folder.js";
import { Gallery } from "./gallery.js";
import { Generation } from "./generate.js";
import { History } from "./history.js";
import { MaskPanel } from "./mask_panel.js";
import { PromptHelp } from "./prompt.js";
import { restorePng, restoreRecord } from "./restoring.js";
import { Runs } from "./runs.js";
import { Stage } from "./stage.js";
import { watchStatus } from "./status.js";
import { tabs } from "./tabs.js";
import { Viewer } from "./viewer.js";

const at = (id) => document.getElementById(id);

tabs(document.querySelector("[role=tablist]"));

const history = new History();
const drawing = new Drawing(at("canvas"), at("mask"), at("brush-size"));
const help = new PromptHelp(at("draw-form"), drawing);
const easel = new Easel(at("input"), drawing, at("error"), help);
const stage = new Stage(at("draw-form"), (run) => runs.cancel(run), () => lookAtStatus());
const runs = new Runs(history, stage);
const generation = new Generation(at("draw-form"), drawing, runs);
at("settings-from").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  const restored = await restorePng(at("draw-form"), file);
  showError(at("error"), restored ? null : new Error(`${file.name} carries no settings.`));
  target.value = "";
});
new MaskPanel(at("draw-form"), drawing);
const draft = new Draft(at("draw-form"), drawing);
const folderRun = new FolderRun(at("folder-form"), at("cells"));
const viewer = new Viewer(at("viewer"));
for (const id of ["enlarge", "picture"]) {
  at(id).addEventListener("click", () => stage.result && viewer.open([stage.result], stage.result));
}
new Gallery(at("gallery-card"), history, viewer, {
  use: (blob) => easel.lay(blob),
  restore: async (record) => {
    await restoreRecord(at("draw-form"), easel, record);
    at("request").scrollIntoView({ block: "nearest", behavior: "smooth" });
  },
});
const { canny_low_threshold: low, canny_high_threshold: high } = at("draw-form").elements;
showEdges(drawing, low, high, at("edges"), at("edges-note"));

// A picture dropped anywhere must not replace the page. On the form it gives its settings, if the
// service made it; elsewhere it is laid on the easel.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  const onForm = at("request").contains(event.target);
  const files = [...event.dataTransfer.files];
  if (!files.length) return;
  if (onForm && (await restorePng(at("draw-form"), files[0]))) return;
  if (at("panel-folder").hidden) easel.lay(files[0]);
  else if (!folderRun.running) folderRun.choose(files);
});

let asked = null;
onKeyNeeded(() => {
  asked ??= askForKey().finally(() => (asked = null)); // one dialog, however many requests ask
  return asked;
});

function askForKey() {
  const dialog = at("key-dialog");
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener(
      "close",
      () => {
        answer(dialog.returnValue === "ok" ? at("key").value : null);
        dialog.returnValue = at("key").value = "";
      },
      { once: true },
    );
  });
}

at("clear-history").addEventListener("click", () => {
  if (confirm("Delete all pictures that this browser keeps of this page?")) history.clear();
});
addEventListener("beforeunload", (event) => {
  if (runs.all.length || folderRun.running) event.preventDefault();
});

const restored = draft.restore();
let first = true;
const lookAtStatus = watchStatus((status) => {
  if (!first) return;
  first = false; // the server answers, and has the key that it may need
  generation.setDefaults(status);
  offerLimits(at("draw-form"), status);
  offerSamplers(at("draw-form").elements.sampler).catch(() => {}); // the default stays
  folderRun.setDefaults(status);
  begin();
});

async function begin() {
  const kept = await restored;
  runs.resume();
  await help.learn().catch(() => {}); // the page draws without
  if (!kept && drawing.blank) await help.layAny();
}
