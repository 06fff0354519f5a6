// The texts inside a PNG: its chunks tEXt and iTXt (PNG specification, 11.3.3).

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** The text under a keyword, or null: also of a file that is no PNG, or is broken. */
export async function pngText(blob, keyword) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (SIGNATURE.some((byte, at) => bytes[at] !== byte)) return null;
  const view = new DataView(bytes.buffer);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = latin1(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const [name, rest] = upToZero(data);
    if (kind === "tEXt" && name === keyword) return latin1(rest);
    if (kind === "iTXt" && name === keyword) return international(rest);
    at += 12 + length;
  }
  return null;
}

/** Flag and method of compression, language, translated keyword, text. */
async function international(data) {
  const [, afterLanguage] = upToZero(data.subarray(2));
  const [, text] = upToZero(afterLanguage);
  if (!data[0]) return new TextDecoder().decode(text);
  const whole = new Blob([text]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(whole).text().catch(() => null);
}

function upToZero(data) {
  const end = data.indexOf(0);
  return end < 0 ? [latin1(data), data.subarray(data.length)]
    : [latin1(data.subarray(0, end)), data.subarray(end + 1)];
}

function latin1(bytes) {
  return new TextDecoder("latin1").decode(bytes);
}
