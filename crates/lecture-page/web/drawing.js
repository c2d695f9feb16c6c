// A drawing as numbers: strokes with a round brush on a square of 140 x 140 pixels.
//
// The pixels are computed here and not by the canvas, so that the same strokes give the same numbers in every browser.

export const SIDE = 140;
const RADIUS = 6;

export class Drawing {
  constructor() {
    this.pixels = new Uint8Array(SIDE * SIDE);
    this.last = null;
    this.empty = true;
  }

  clear() {
    this.pixels.fill(0);
    this.last = null;
    this.empty = true;
  }

  /** Starts a stroke. Coordinates are pixels of the drawing. */
  begin(x, y) {
    this.last = [x, y];
    this.segment(x, y, x, y);
  }

  /** Continues the stroke. */
  extend(x, y) {
    if (!this.last) return;
    this.segment(...this.last, x, y);
    this.last = [x, y];
  }

  end() {
    this.last = null;
  }

  /** Draws strokes, each a list of points. */
  strokes(lines) {
    for (const [first, ...rest] of lines) {
      this.begin(...first);
      for (const point of rest) this.extend(...point);
      this.end();
    }
  }

  segment(x0, y0, x1, y1) {
    this.empty = false;
    const reach = RADIUS + 1;
    const [left, right] = [Math.max(0, Math.floor(Math.min(x0, x1) - reach)), Math.min(SIDE - 1, Math.ceil(Math.max(x0, x1) + reach))];
    const [top, bottom] = [Math.max(0, Math.floor(Math.min(y0, y1) - reach)), Math.min(SIDE - 1, Math.ceil(Math.max(y0, y1) + reach))];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const along = length ? Math.min(Math.max(((x + 0.5 - x0) * dx + (y + 0.5 - y0) * dy) / length, 0), 1) : 0;
        const [ex, ey] = [x + 0.5 - x0 - along * dx, y + 0.5 - y0 - along * dy];
        const ink = Math.round(255 * Math.min(Math.max(RADIUS + 0.5 - Math.sqrt(ex * ex + ey * ey), 0), 1));
        const at = y * SIDE + x;
        if (ink > this.pixels[at]) this.pixels[at] = ink;
      }
    }
  }
}

/** Points on an arc, angles in degrees, clockwise from the right. */
const arc = (cx, cy, rx, ry, from, to) => Array.from({ length: 25 }, (_, i) => {
  const angle = (from + (to - from) * i / 24) * Math.PI / 180;
  return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
});

/** An 8 in one line that crosses itself in the middle. */
const eight = Array.from({ length: 61 }, (_, i) => {
  const angle = 2 * Math.PI * i / 60 + 0.3;
  const y = 71 - 43 * Math.cos(angle);
  return [70 + (y < 70 ? 20 : 24) * Math.sin(2 * angle) - 0.15 * (y - 70), y];
});

/** A digit of each kind, as strokes. */
export const EXAMPLES = [
  [arc(70, 70, 27, 42, -80, 280)],
  [[[62, 40], [74, 28], [74, 112]]],
  [[...arc(70, 52, 26, 24, 190, 370), [88, 70], [48, 110], [98, 108]]],
  [[...arc(66, 48, 25, 21, 205, 440), ...arc(66, 91, 28, 22, 275, 510)]],
  [[[56, 28], [48, 74], [96, 72]], [[88, 34], [84, 114]]],
  [[[94, 30], [58, 32], [54, 64], ...arc(66, 84, 28, 25, 235, 500)]],
  [[[82, 26], ...arc(68, 82, 26, 28, 215, -145)]],
  [[[44, 34], [96, 33], [64, 114]]],
  [eight],
  [[...arc(68, 52, 22, 22, -20, -380), [90, 50], [82, 114]]],
];
