// The colours of values: the scales of lesson-kit's pictures (plot/color_scale.rs), for light and dark pages.

const light = {
  gate: ['#f7f7f7', '#66c2a4', '#00441b'],
  signed: ['#8c3c00', '#e6821e', '#f7f7f7', '#3278be', '#002864'],
  state: ['#8c3c00', '#e6821e', '#f7f7f7', '#8073ac', '#2d004b'],
  ink: ['#ffffff', '#1d2129'],
};
const dark = {
  gate: ['#22272f', '#2b8a6b', '#a6f0d0'],
  signed: ['#ffc58f', '#c96a12', '#22272f', '#2f7fc4', '#b5dcff'],
  state: ['#ffc58f', '#c96a12', '#22272f', '#7d6cc0', '#d9ccff'],
  ink: ['#12151a', '#f2f4f7'],
};

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
}

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Red, green and blue at `share` (0 to 1) of a gradient. */
function mix(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [from, to] = [parse(stops[low]), parse(stops[low + 1])];
  return from.map((value, i) => Math.round(value + (to[i] - value) * (at - low)));
}

/**
 * The colour of a value. Scales: `gate` and `ink` from 0 to 1, `signed` from -1 to 1, `state` from -`largest` to `largest`.
 * Returns [red, green, blue].
 */
export function colorOf(value, scale, largest = 1) {
  const stops = (isDark() ? dark : light)[scale];
  const share = scale === 'gate' || scale === 'ink' ? value : (value / largest + 1) / 2;
  return mix(stops, share);
}

export const css = ([r, g, b]) => `rgb(${r},${g},${b})`;

/** Black or white, whichever is easier to read on a colour. */
export function textOn([r, g, b]) {
  const linear = [r, g, b].map((v) => (v / 255) ** 2.2);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.25 ? '#111418' : '#ffffff';
}

/** The legend of a scale: its colours between its ends. */
export function scaleLegend(scale, low, high) {
  const colors = (isDark() ? dark : light)[scale].join(', ');
  return `<span class="scale">${low}<i style="background:linear-gradient(to right, ${colors})"></i>${high}</span>`;
}

/** A matrix as an image: one pixel for each value, scaled by CSS. `value(row, column)` returns a colour. */
export function paint(canvas, height, width, value) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 4) {
      const [r, g, b] = value(row, column);
      image.data[at] = r;
      image.data[at + 1] = g;
      image.data[at + 2] = b;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

/** A faster `colorOf` for images: 256 colours, computed once. */
export function palette(scale, largest = 1) {
  const colors = Array.from({ length: 257 }, (_, i) => {
    const share = i / 256;
    return colorOf(scale === 'gate' || scale === 'ink' ? share : (2 * share - 1), scale);
  });
  const index = scale === 'gate' || scale === 'ink' ? (v) => v : (v) => (v / largest + 1) / 2;
  return (value) => colors[Math.round(Math.min(Math.max(index(value), 0), 1) * 256)];
}
