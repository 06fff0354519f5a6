// Studio: puts the parts of the page together. Everything goes through the public API.

import { onKeyNeeded } from "./api.js";
import { Draft } from "./draft.js";
import { Drawing } from "./drawing.js";
import { showEdges } from "./edges.js";
import { showError } from "./elements.js";
import { FolderRun } from "./folder.js";
import { Gallery } from "./gallery.js";
import { Generation } from "./generate.js";
import { History } from "./history.js";
import { PromptHelp } from "./prompt.js";
import { Runs } from "./runs.js";
import { Stage } from "./stage.js";
import { watchStatus } from "./status.js";
import { tabs } from "./tabs.js";

const at = (id) => document.getElementById(id);

tabs(document.querySelector("[role=tablist]"));

const drawing = new Drawing(at("canvas"), at("swatches"), at("own-colour"), at("brush-size"));
const history = new History();
new Gallery(at("gallery"), at("gallery-note"), history, layOnEasel);
const stage = new Stage(at("panel-draw"), (run) => runs.cancel(run), () => lookAtStatus());
const runs = new Runs(history, stage);
const generation = new Generation(at("draw-form"), drawing, runs);
const help = new PromptHelp(at("draw-form"), drawing);
const draft = new Draft(at("draw-form"), drawing);
const folderRun = new FolderRun(at("folder-form"), at("cells"));
const { canny_low_threshold: low, canny_high_threshold: high } = at("draw-form").elements;
showEdges(drawing, low, high, at("edges"), at("edges-note"));

let refusal = null; // the one that shows

async function layOnEasel(blob) {
  try {
    await drawing.load(blob);
    at("input").scrollIntoView({ block: "nearest", behavior: "smooth" });
  } catch (error) {
    showError(at("error"), (refusal = error));
  }
}

drawing.addEventListener("change", () => {
  at("hint").hidden = !drawing.blank;
  at("sample-note").hidden = !drawing.sample;
  if (refusal && !drawing.refused) showError(at("error"), (refusal = null));
});
at("undo").addEventListener("click", () => drawing.undo());
at("clear").addEventListener("click", () => drawing.clear());
at("example").addEventListener("click", async () => (await help.layAny()) || drawing.example());
at("choose").addEventListener("change", (event) => {
  if (event.target.files.length) layOnEasel(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, input:not([type=range], [type=radio])");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) {
    event.preventDefault();
    drawing.undo();
  }
});

// A picture dropped beside the easel must not replace the page.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  if (!files.length) return;
  if (at("panel-folder").hidden) layOnEasel(files[0]);
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
  folderRun.setDefaults(status);
  begin();
});

async function begin() {
  const kept = await restored;
  runs.resume();
  await help.learn().catch(() => {}); // the page draws without
  if (!kept && drawing.blank) await help.layAny();
}
