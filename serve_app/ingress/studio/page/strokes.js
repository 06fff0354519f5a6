// Strokes of a mouse, a finger or a pen on a canvas, as lines in its pixels.

/** Tell of strokes: `begin(point, pressure)`, `go(point, pressure)` and `end()`.
 *
 * Points are { x, y } in the canvas's own pixels; pressure is 0 to 1, and 0.5 for a mouse.
 */
export function watchStrokes(canvas, { begin, go, end }) {
  let pointer;

  // The canvas is shown at another size than it has.
  function at(event) {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * canvas.width) / box.width,
      y: ((event.clientY - box.top) * canvas.height) / box.height,
    };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pointer !== undefined) return;
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    begin(at(event), event.pressure);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const missed = event.getCoalescedEvents?.() ?? [];
    for (const each of missed.length ? missed : [event]) go(at(each), each.pressure);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = undefined;
      end();
    });
  }
}

/** A round line on a canvas's context. */
export function line(pen, from, to, width, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
}
