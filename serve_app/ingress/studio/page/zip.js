// A zip archive of files as they are: pictures are compressed already.
// The format: PKWARE's APPNOTE.TXT, 4.3.7 (local header), 4.3.12 (directory), 4.3.16 (end).

const UTF8_NAMES = 0x0800;
const VERSION = 20;

/** Of files { name, blob, date }; at most 65535 of them and 4 GiB in all. */
export async function zipped(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob, date } of files) {
    const title = new TextEncoder().encode(name);
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const common = [
      [2, VERSION], [2, UTF8_NAMES], [2, 0], [2, timeOf(date)], [2, dateOf(date)],
      [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, title.length], [2, 0],
    ];
    const head = packed([[4, 0x04034b50], ...common]);
    parts.push(head, title, blob);
    const place = [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
    directory.push(packed([[4, 0x02014b50], [2, VERSION], ...common, ...place]), title);
    offset += head.length + title.length + bytes.length;
  }
  const size = directory.reduce((sum, each) => sum + each.length, 0);
  const end = packed([
    [4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length],
    [4, size], [4, offset], [2, 0],
  ]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Little-endian numbers of 2 or 4 bytes. */
function packed(numbers) {
  const bytes = numbers.flatMap(([size, value]) =>
    Array.from({ length: size }, (_, at) => (value >>> (8 * at)) & 0xff),
  );
  return Uint8Array.from(bytes);
}

function timeOf(date) {
  return (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
}

function dateOf(date) {
  return ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}
