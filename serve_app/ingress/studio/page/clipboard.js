// Text for the clipboard, on pages without HTTPS too.

export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  const before = document.activeElement;
  area.select();
  const copied = document.execCommand("copy"); // the only way where there is no secure context
  area.remove();
  before?.focus();
  if (!copied) throw new Error("This browser does not let the page copy.");
}
