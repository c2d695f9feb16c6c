// Part 3: a GRU reads a digit row by row.

import { bars, Player } from './charts.js';
import { paint, palette, scaleLegend } from './colors.js';
import { gruCell, updateDiagram } from './diagrams.js';
import { Drawing, EXAMPLES, SIDE } from './drawing.js';
import { onLanguage, rich, t } from './i18n.js';
import { mathHtml, number, percent } from './math.js';
import { addNotationSwitch, drawNotationSwitches, isTorch, onNotation } from './notation.js';

const ROWS = 28;
const $ = (id) => document.getElementById(id);
const drawing = new Drawing();
let network, player, result, digit;
let layer = 0, unit = 0, scheduled = false;

export function startDigit(mnistNn) {
  network = mnistNn;
  layer = network.layers - 1;
  buildReading();
  buildGates();
  player = new Player($('digit-player'), {
    count: ROWS, name: 'gru.row', delay: 220, label: (row) => t('gru.row.of', { row, rows: ROWS }), show: showRow,
  });
  $('digit-examples').innerHTML = EXAMPLES.map((_, i) => `<button type="button" data-example="${i}">${i}</button>`).join('');
  $('digit-examples').onclick = (event) => {
    const chosen = event.target.dataset.example;
    if (chosen !== undefined) drawExample(Number(chosen));
  };
  $('digit-clear').onclick = () => { drawing.clear(); answer(); };
  $('digit-save').onclick = () => { $('digit-save').href = savedPicture(); };
  addNotationSwitch($('gru-notation'));
  onNotation(() => { drawNotationSwitches(); showUnit(); });
  $('digit-unit').max = network.hidden;
  $('digit-unit').oninput = (event) => {
    const chosen = Math.round(Number(event.target.value));
    if (chosen >= 1 && chosen <= network.hidden) { unit = chosen - 1; showUnit(); }
  };
  listenToPointer($('drawing'));
  onLanguage(() => { player.translate(); drawNotationSwitches(); buildDiagram(); drawAll(); });
  drawing.strokes(EXAMPLES[3]);
  $('drawing').dataset.example = '3';
}

function drawExample(index) {
  drawing.clear();
  drawing.strokes(EXAMPLES[index]);
  $('drawing').dataset.example = index;
  answer();
}

/** The drawing as a PNG for `mnist-gru predict --image`: white ink on black paper. */
function savedPicture() {
  const canvas = document.createElement('canvas');
  paint(canvas, SIDE, SIDE, (row, column) => Array(3).fill(drawing.pixels[row * SIDE + column]));
  return canvas.toDataURL('image/png');
}

function listenToPointer(canvas) {
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  };
  canvas.onpointerdown = (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    if (canvas.dataset.example) { drawing.clear(); delete canvas.dataset.example; } // a new drawing replaces an example
    drawing.begin(...point(event));
    schedule();
  };
  canvas.onpointermove = (event) => {
    if (!drawing.last) return;
    for (const part of event.getCoalescedEvents?.() ?? []) drawing.extend(...point(part));
    drawing.extend(...point(event));
    schedule();
  };
  canvas.onpointerup = canvas.onpointercancel = () => { drawing.end(); schedule(); };
}

/** Answers once before the next frame, however many pointer events arrive. */
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; answer(); });
}

/** Converts the drawing, runs the network, and shows everything. */
export function answer() {
  const start = performance.now();
  player.pauseAt(ROWS);
  if (drawing.empty) {
    digit = { pixels: new Uint8Array(784), sizes: null };
  } else {
    digit = network.normalise(drawing.pixels);
  }
  result = network.read(digit.pixels);
  unit = mostMixed();
  drawAll();
  performance.measure('answer', { start });
}

/** The unit whose last state mixes the state before and the candidate most. */
function mostMixed() {
  const { z, n, h } = result.layers[layer];
  const last = ROWS - 1;
  const mixed = Array.from(z[last], (share, i) => share * (1 - share) * Math.abs(n[last][i] - h[last - 1][i]));
  return mixed.reduce((most, value, i) => (value > mixed[most] ? i : most), 0);
}

/** Draws everything again, for example in other colours. */
export function drawAll() {
  if (!result) return;
  const ink = palette('ink');
  paint($('drawing'), SIDE, SIDE, (row, column) => ink(drawing.pixels[row * SIDE + column] / 255));
  paint($('digit-pixels'), ROWS, ROWS, (row, column) => ink(digit.pixels[row * ROWS + column] / 255));
  const gate = palette('gate');
  paint($('digit-map'), ROWS, 10, (row, column) => gate(result.rows[row][column]));
  drawGates();
  describe();
  showRow(player.step);
}

function buildReading() {
  $('digit-reading').innerHTML = `<div></div>
<div class="captions"><span data-t="gru.sees"></span><span class="digits" aria-hidden="true">${Array.from({ length: 10 }, (_, i) => `<b>${i}</b>`).join('')}</span></div>
<div class="axis-rows" aria-hidden="true">${[1, 7, 14, 21, 28].map((row) =>
    `<span style="top:${(100 * (row - 0.5) / ROWS).toFixed(2)}%">${row}</span>`).join('')}</div>
<div class="maps"><canvas id="digit-pixels" role="img"></canvas><canvas id="digit-map" role="img"></canvas>
<div class="future" id="digit-future"></div><div class="decided" id="digit-decided"></div><div class="cursor" id="digit-cursor"></div></div>`;
  $('digit-reading').querySelector('.maps').onclick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    player.pauseAt(Math.min(ROWS, 1 + Math.floor(ROWS * (event.clientY - box.top) / box.height)));
  };
}

const best = (row) => row.reduce((most, value, i) => (value > row[most] ? i : most), 0);

/** The row after which the final answer stays the most likely digit, and the row at which it passes 90 % for good. */
export function decision(rows) {
  const winner = best(rows[ROWS - 1]);
  const lastRow = (fails) => rows.reduce((last, row, i) => (fails(row) ? i + 1 : last), 0) + 1;
  return { winner, since: lastRow((row) => best(row) !== winner), sure: lastRow((row) => row[winner] < 0.9) };
}

function describe() {
  if (drawing.empty) {
    $('digit-decision').innerHTML = rich('gru.empty');
    $('digit-normalised').textContent = '';
    $('digit-decided').hidden = true;
    return;
  }
  const { winner, since, sure } = decision(result.rows);
  const final = percent(result.rows[ROWS - 1][winner]);
  const key = sure <= ROWS ? 'gru.decision.sure' : 'gru.decision';
  $('digit-decision').innerHTML = rich(key, { winner, since, sure, final, before: best(result.rows[Math.max(since - 2, 0)]) });
  $('digit-decided').hidden = false;
  $('digit-decided').style.top = `${100 * (since - 1) / ROWS}%`;
  const [width, height, scaledWidth, scaledHeight] = digit.sizes;
  $('digit-normalised').innerHTML = rich('gru.normalised', { width, height, scaledWidth, scaledHeight });
  $('digit-map').setAttribute('aria-label', t('gru.map.label', { winner, since }));
  $('digit-pixels').setAttribute('aria-label', t('gru.pixels.label'));
}

function showRow(row) {
  if (!result) return;
  const shares = result.rows[row - 1];
  const winner = best(shares);
  $('digit-cursor').style.top = `${100 * (row - 1) / ROWS}%`;
  $('digit-future').style.top = `${100 * row / ROWS}%`;
  $('digit-answer-title').innerHTML = rich(row === ROWS ? 'gru.after.last' : 'gru.after', { row });
  $('digit-bars').innerHTML = bars(Array.from(shares, (value, i) => ({
    label: i, value, text: percent(value), className: i === winner ? 'best' : '',
  })));
  showUnit();
}

// the gates

const GATES = ['r', 'z', 'n', 'h'];

function buildGates() {
  $('digit-layers').innerHTML = Array.from({ length: network.layers }, (_, i) =>
    `<button type="button" data-layer="${i}"></button>`).join('');
  $('digit-layers').onclick = (event) => {
    if (event.target.dataset.layer === undefined) return;
    layer = Number(event.target.dataset.layer);
    unit = mostMixed();
    drawAll();
  };
  $('digit-gates').innerHTML = GATES.map((name) => `<figure><figcaption data-gate="${name}"></figcaption>
<div class="map"><canvas id="digit-gate-${name}" role="img"></canvas><div class="cursor"></div><div class="column-cursor"></div></div></figure>`).join('');
  for (const map of $('digit-gates').querySelectorAll('.map')) {
    map.onclick = (event) => {
      const box = map.getBoundingClientRect();
      unit = Math.min(network.hidden - 1, Math.floor(network.hidden * (event.clientX - box.left) / box.width));
      player.pauseAt(Math.min(ROWS, 1 + Math.floor(ROWS * (event.clientY - box.top) / box.height)));
    };
  }
}

function drawGates() {
  const scales = { r: 'gate', z: 'gate', n: 'signed', h: 'signed' };
  for (const name of GATES) {
    const color = palette(scales[name]);
    const values = result.layers[layer][name];
    const canvas = $(`digit-gate-${name}`);
    // The lecture's u is 1 - z.
    const shown = name === 'z' ? (value) => color(1 - value) : color;
    paint(canvas, ROWS, network.hidden, (row, column) => shown(values[row][column]));
    canvas.setAttribute('aria-label', t(`gru.gate.${name}`).replace(/[$*]/g, ''));
  }
  for (const caption of $('digit-gates').querySelectorAll('[data-gate]')) {
    const name = caption.dataset.gate;
    caption.innerHTML = `<span>${rich(`gru.gate.${name}`)}</span>${scaleLegend(scales[name], scales[name] === 'gate' ? 0 : '−1', 1)}`;
  }
  for (const button of $('digit-layers').children) {
    button.textContent = t('gru.layer.n', { n: Number(button.dataset.layer) + 1 });
    button.setAttribute('aria-pressed', String(Number(button.dataset.layer) === layer));
  }
}

function buildDiagram() {
  $('gru-diagram').innerHTML = gruCell({ title: t('gru.diagram'), values: unitValues(1) });
}

/** The numbers of the chosen unit at a row. */
function unitValues(row) {
  if (!result) return { h0: 0, r: 0, u: 0, z: 0, n: 0, zh: 0, un: 0, h: 0 };
  const gates = result.layers[layer];
  const [r, z, n, h] = GATES.map((name) => gates[name][row - 1][unit]);
  const h0 = row > 1 ? gates.h[row - 2][unit] : 0;
  return { h0, r, z, u: 1 - z, n, zh: z * h0, un: (1 - z) * n, h };
}

function showUnit() {
  const row = player.step;
  const values = unitValues(row);
  updateDiagram($('gru-diagram'), values);
  const v = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, number(value)]));
  const line = (name, formula, value) => `<div class="formula ${name}">${mathHtml(formula)} <b>${value}</b></div>`;
  const equations = isTorch()
    ? line('r', 'r_t = σ(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) =', v.r)
      + line('z', 'z_t = σ(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) =', v.z)
      + line('n', 'n_t = \\tanh(W_{in} x_t + b_{in} + r_t ⊙ (W_{hn} h_{t-1} + b_{hn})) =', v.n)
      + line('h', 'h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}', '')
      + line('h sum', '', `= ${v.u} · ${bracket(v.n)} + ${v.z} · ${bracket(v.h0)} = ${v.h}`)
    : line('r', 'r^{(t)} = σ(W_r h^{(t-1)} + U_r x^{(t)}) =', v.r)
      + line('z', 'u^{(t)} = σ(W_u h^{(t-1)} + U_u x^{(t)}) =', v.u)
      + line('n', '~h^{(t)} = \\tanh(W h^{(t-1)} * r^{(t)} + U x^{(t)}) =', v.n)
      + line('h', 'h^{(t)} = (1 - u^{(t)}) * h^{(t-1)} + u^{(t)} * ~h^{(t)}', '')
      + line('h sum', '', `= ${v.z} · ${bracket(v.h0)} + ${v.u} · ${bracket(v.n)} = ${v.h}`);
  $('gru-formulas').innerHTML = `<p class="where">${rich('gru.unit', { unit: unit + 1, row, layer: layer + 1 })}</p>${equations}<p class="torch">${rich('gru.torch')}</p>`;
  $('digit-unit').value = unit + 1;
  for (const cursor of $('digit-gates').querySelectorAll('.cursor')) cursor.style.top = `${100 * (row - 1) / ROWS}%`;
  for (const cursor of $('digit-gates').querySelectorAll('.column-cursor')) {
    cursor.style.left = `${100 * unit / network.hidden}%`;
    cursor.style.width = `${100 / network.hidden}%`;
  }
}

/** A negative number in brackets. */
export const bracket = (text) => (text.startsWith('\u2212') ? `(${text})` : text);

