// The diagrams: the unrolled RNN, the LSTM cell and the GRU cell, as SVG text.
//
// The page draws them with numbers (`values`) and updates them. draw-diagrams.js writes them without numbers for
// docs/course.md. A wire has the class of what flows through it (f, i, g, o, c, h, r, z, n, x), which sets its colour.

import { escape, mathSvg, number } from './math.js';

const text = (x, y, content, options = {}) => {
  const { anchor = 'middle', className = '', size = 15, id = '' } = options;
  const attributes = `${id ? ` data-value="${id}"` : ''}${className ? ` class="${className}"` : ''}`;
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}"${attributes}>${content}</text>`;
};
const formula = (x, y, content, options = {}) => text(x, y, mathSvg(content), options);

/** A line through points. `arrow`: with an arrowhead. */
const wire = (points, className, { arrow = true, flow = '' } = {}) => {
  const path = points.map(([x, y], i) => `${i ? 'L' : 'M'}${x} ${y}`).join('');
  const data = flow ? ` data-flow="${flow}"` : '';
  return `<path d="${path}" class="wire ${className}"${data}${arrow ? ` marker-end="url(#arrow-${className})"` : ''}/>`;
};

const box = (x, y, label, className, width = 46) =>
  `<rect x="${x - width / 2}" y="${y - 17}" width="${width}" height="34" rx="6" class="layer ${className}"/>`
  + text(x, y + 5, label, { className: 'on-layer' });

const circle = (x, y, label, className = '') =>
  `<circle cx="${x}" cy="${y}" r="13" class="operation ${className}"/>` + text(x, y + 5.5, label, { size: 17 });

const dot = (x, y, className) => `<circle cx="${x}" cy="${y}" r="3" class="branch ${className}"/>`;

const markers = (names) => names.map((name) =>
  `<marker id="arrow-${name}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse"
 orient="auto"><path d="M0 1L9 5L0 9z" class="head ${name}"/></marker>`).join('');

function svg(width, height, title, names, content) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" class="diagram" role="img"
 aria-label="${escape(title)}"><defs>${markers(names)}</defs>${content.join('\n')}</svg>`;
}

/** A value beside a wire. Without values nothing is drawn: the label is enough. */
const valueText = (values, id, x, y, options = {}) =>
  values ? text(x, y, escape(number(values[id])), { size: 14, id, ...options, className: `value ${options.className ?? ''}` }) : '';

/**
 * The LSTM cell of the slides for one unit.
 * values: c0 (C_{t-1}), h0 (h_{t-1}), f, i, g, o, ig (i * g), c, tanh (of c), h.
 */
export function lstmCell({ title, values = null }) {
  const put = (id, x, y, options) => valueText(values, id, x, y, options);
  const [top, bottom, gate] = [74, 276, 212];
  const label = (x, y, content, className, anchor = 'middle') => formula(x, y, content, { className: `name ${className}`, anchor });
  return svg(680, 340, title, ['f', 'i', 'g', 'o', 'c', 'h', 'x'], [
    '<rect x="104" y="34" width="478" height="266" rx="16" class="cell"/>',
    // the cell state
    wire([[14, top], [184, top]], 'c', { flow: 'c0' }), wire([[210, top], [353, top]], 'c', { flow: 'kept' }),
    wire([[379, top], [664, top]], 'c', { flow: 'c' }),
    label(14, top - 12, 'C_{t-1}', 'c', 'start'), put('c0', 14, top + 22, { anchor: 'start', className: 'c' }),
    label(664, top - 12, 'C_t', 'c', 'end'), put('c', 664, top + 22, { anchor: 'end', className: 'c' }),
    // the line of h and x
    wire([[14, bottom], [470, bottom], [470, gate + 19]], 'h', { flow: 'h0' }),
    label(14, bottom - 12, 'h_{t-1}', 'h', 'start'), put('h0', 14, bottom + 22, { anchor: 'start', className: 'h' }),
    wire([[140, 328], [140, bottom + 4]], 'x'), label(154, 332, 'x_t', 'x', 'start'),
    ...[[197, 'h'], [284, 'h'], [366, 'h']].map(([x, name]) => wire([[x, bottom], [x, gate + 19]], name) + dot(x, bottom, 'h')),
    // the gates
    box(197, gate, 'σ', 'f'), box(284, gate, 'σ', 'i'), box(366, gate, 'tanh', 'g', 52), box(470, gate, 'σ', 'o'),
    wire([[197, gate - 17], [197, top + 15]], 'f', { flow: 'f' }), label(190, 154, 'f_t', 'f', 'end'),
    put('f', 190, 180, { anchor: 'end', className: 'f' }),
    wire([[284, gate - 17], [284, 130], [351, 130]], 'i', { flow: 'i' }), label(277, 154, 'i_t', 'i', 'end'),
    put('i', 277, 180, { anchor: 'end', className: 'i' }),
    wire([[366, gate - 17], [366, 145]], 'g', { flow: 'g' }), label(358, 154, '~C_t', 'g', 'end'),
    put('g', 358, 180, { anchor: 'end', className: 'g' }),
    wire([[366, 117], [366, top + 15]], 'c', { flow: 'ig' }), put('ig', 374, 108, { anchor: 'start', className: 'c' }),
    circle(197, top, '×', 'f'), circle(366, top, '+', 'c'), circle(366, 130, '×', 'i'),
    // the output
    wire([[530, top], [530, 106]], 'c', { flow: 'tanh' }), dot(530, top, 'c'),
    `<ellipse cx="530" cy="122" rx="30" ry="15" class="operation c"/>${text(530, 127, 'tanh', { size: 14 })}`,
    wire([[530, 137], [530, gate - 15]], 'c', { flow: 'tanh' }), put('tanh', 538, 164, { anchor: 'start', className: 'c' }),
    wire([[493, gate], [515, gate]], 'o', { flow: 'o' }), label(462, 154, 'o_t', 'o', 'end'),
    put('o', 462, 180, { anchor: 'end', className: 'o' }),
    circle(530, gate, '×', 'o'),
    wire([[530, gate + 13], [530, bottom], [664, bottom]], 'h', { flow: 'h' }),
    label(664, bottom - 12, 'h_t', 'h', 'end'), put('h', 664, bottom + 22, { anchor: 'end', className: 'h' }),
  ]);
}

/**
 * The GRU cell of the slides for one unit; u = 1 - z.
 * values: h0, r, u, z, n (the candidate), zh (z * h0), un (u * n), h.
 */
export function gruCell({ title, values = null }) {
  const put = (id, x, y, options) => valueText(values, id, x, y, options);
  const label = (x, y, content, className, anchor = 'middle') => formula(x, y, content, { className: `name ${className}`, anchor });
  const [top, bottom, gate] = [64, 286, 224];
  return svg(680, 350, title, ['r', 'z', 'n', 'h', 'x'], [
    '<rect x="104" y="26" width="478" height="284" rx="16" class="cell"/>',
    // the hidden state
    wire([[14, top], [273, top]], 'h', { flow: 'h0' }), wire([[299, top], [515, top]], 'h', { flow: 'zh' }),
    wire([[541, top], [664, top]], 'h', { flow: 'h' }),
    label(14, top - 12, 'h^{(t-1)}', 'h', 'start'), put('h0', 14, top + 22, { anchor: 'start', className: 'h' }),
    label(664, top - 12, 'h^{(t)}', 'h', 'end'), put('h', 664, top + 22, { anchor: 'end', className: 'h' }),
    put('zh', 420, top - 12, { className: 'h' }),
    // the line of h and x
    wire([[130, top], [130, bottom], [452, bottom], [452, gate + 19]], 'h'), dot(130, top, 'h'),
    wire([[150, 342], [150, bottom + 4]], 'x'), label(164, 344, 'x^{(t)}', 'x', 'start'),
    wire([[186, bottom], [186, gate + 19]], 'h'), wire([[286, bottom], [286, gate + 19]], 'h'), dot(186, bottom, 'h'), dot(286, bottom, 'h'),
    // the gates
    box(186, gate, 'σ', 'r'), box(286, gate, 'σ', 'z'), box(452, gate, 'tanh', 'n', 52),
    wire([[186, gate - 17], [186, 168], [357, 168]], 'r', { flow: 'r' }), label(179, 162, 'r^{(t)}', 'r', 'end'),
    put('r', 179, 196, { anchor: 'end', className: 'r' }),
    wire([[370, top], [370, 153]], 'h'), dot(370, top, 'h'), formula(379, 116, 'W h^{(t-1)}', { anchor: 'start', size: 13, className: 'h' }),
    circle(370, 168, '×', 'r'), wire([[370, 181], [370, gate], [424, gate]], 'r'),
    wire([[286, gate - 17], [286, 124]], 'z', { flow: 'u' }), label(294, 158, 'u^{(t)}', 'z', 'start'),
    put('u', 294, 194, { anchor: 'start', className: 'z' }),
    `<rect x="268" y="97" width="36" height="26" rx="13" class="operation z"/>${text(286, 115, '1−', { size: 14 })}`,
    wire([[286, 97], [286, top + 15]], 'z', { flow: 'z' }), put('z', 278, 96, { anchor: 'end', className: 'z' }),
    dot(286, 138, 'z'), wire([[286, 138], [513, 138]], 'z', { flow: 'u' }),
    wire([[478, gate], [528, gate], [528, 153]], 'n', { flow: 'n' }), label(536, 192, '~h^{(t)}', 'n', 'start'),
    put('n', 536, 216, { anchor: 'start', className: 'n' }),
    wire([[528, 125], [528, top + 15]], 'h', { flow: 'un' }), put('un', 520, 106, { anchor: 'end', className: 'h' }),
    circle(286, top, '×', 'z'), circle(528, top, '+', 'h'), circle(528, 138, '×', 'z'),
  ]);
}

/**
 * The unrolled RNN. `steps`: for each step the label of x, and in the page `hot` (the index of the one-hot vector, of
 * `words`), `h` (the hidden units) and `output`. `cell(value)` returns fill and text colour of a unit.
 */
export function unrolledRnn({ title, steps, words = 0, hidden = 5, cell = null, labels }) {
  const column = 150, left = 78, first = left + 62;
  const width = left + steps.length * column + 22;
  const live = Boolean(cell);
  const [unitTop, unit] = [56, 23];
  const unitBottom = unitTop + hidden * unit;
  const [box0, xTop] = [unitBottom + 42, unitBottom + 116];
  const height = xTop + (live ? 66 : 34);
  const parts = [];
  const names = ['h', 'x', 'o'];
  parts.push(formula(8, box0 - 10, 'h_0 = 0', { anchor: 'start', className: 'name h', size: 14 }));
  parts.push(wire([[14, box0], [first - 43, box0]], 'h'));
  steps.forEach((step, t) => {
    const x = first + t * column;
    if (t) parts.push(formula(x - column / 2, box0 - 10, `W_{hh}`, { size: 13, className: 'weight' }));
    if (t) parts.push(wire([[x - column + 40, box0], [x - 43, box0]], 'h'));
    parts.push(`<rect x="${x - 40}" y="${box0 - 20}" width="80" height="40" rx="8" class="layer h"/>`, text(x, box0 + 5, 'tanh', { className: 'on-layer' }));
    parts.push(wire([[x, box0 - 20], [x, unitBottom + 3]], 'h'));
    for (let j = 0; j < hidden; j++) {
      const y = unitTop + j * unit;
      const colors = live ? cell(step.h[j]) : null;
      const chosen = live && step.chosen === j ? ' chosen' : '';
      const data = live ? ` data-step="${t}" data-unit="${j}"` : '';
      parts.push(`<rect x="${x - 30}" y="${y}" width="60" height="${unit}" class="unit${live ? ' live' : ''}${chosen}"${colors ? ` style="fill:${colors.fill}"` : ''}${data}/>`);
      if (live) {
        parts.push(`<text x="${x}" y="${y + 16}" text-anchor="middle" font-size="13" class="on-unit" style="fill:${colors.text}">${number(step.h[j])}</text>`);
      }
    }
    parts.push(formula(x - 37, unitTop + hidden * unit / 2 + 5, `h_${t + 1}`, { anchor: 'end', className: 'name h' }));
    const last = t === steps.length - 1;
    parts.push(wire([[x, unitTop], [x, 32]], last || live ? 'o' : 'o faint', { arrow: last || live }));
    parts.push(live
      ? text(x, 22, escape(step.output), { className: last ? 'answer' : 'early', size: 14 })
      : last ? formula(x, 22, labels.output, { size: 14 }) : '');
    parts.push(wire([[x, xTop], [x, box0 + 22]], 'x'));
    parts.push(formula(x + 8, box0 + 50, 'W_{ih}', { anchor: 'start', size: 13, className: 'weight' }));
    if (live) {
      const size = Math.min(13, 120 / words);
      const start = x - words * size / 2;
      for (let k = 0; k < words; k++) {
        parts.push(`<rect x="${start + k * size}" y="${xTop + 4}" width="${size}" height="${size}" class="bit${k === step.hot ? ' hot' : ''}"/>`);
      }
    }
    parts.push(text(x, xTop + (live ? 44 : 20), `${mathSvg(`x_${t + 1}`)}${live ? ` = “${escape(step.label)}”` : ''}`, { className: 'name x' }));
  });
  return svg(width, height, title, names, parts);
}

/** Writes numbers into a diagram that is on the page, and sets the width of its wires. */
export function updateDiagram(element, values) {
  for (const label of element.querySelectorAll('[data-value]')) label.textContent = number(values[label.dataset.value]);
  for (const line of element.querySelectorAll('[data-flow]')) {
    const value = Math.min(Math.abs(values[line.dataset.flow] ?? 0), 1.5);
    line.style.strokeWidth = (1.2 + 4.5 * value).toFixed(1);
  }
}
