// Part 5: how much the loss at the last step depends on the input of each step. The curves are in the page's data.

import { legendItem, lineChart, mark } from './charts.js';
import { onLanguage, rich, t } from './i18n.js';
import { mathHtml, percent } from './math.js';

const $ = (id) => document.getElementById(id);
const CELLS = [['rnn', 'RNN', 'square'], ['lstm', 'LSTM', 'circle'], ['gru', 'GRU', 'triangle']];
const [LOW, HIGH] = [-12, 3];
let data, weights, memory, width, scale = 1, bias = 3;

export function startGradients({ gradients, weights: counts, memory: task }) {
  data = gradients;
  weights = counts;
  memory = task;
  onLanguage(draw);
  new ResizeObserver(() => { if ($('gradient-chart').clientWidth !== width) { drawChart(); drawMemory(); } }).observe($('gradient-chart'));
}

function draw() {
  drawControls();
  drawChart();
  $('gradient-formulas').innerHTML = [
    ['', 'RNN', '∂h_t / ∂h_{t-1} = \\diag(1 - h_t^2) W_{hh}'],
    ['c', 'LSTM', '∂C_t / ∂C_{t-1} = f_t + …'],
    ['h', 'GRU', '∂h^{(t)} / ∂h^{(t-1)} = 1 - u^{(t)} + …'],
  ].map(([className, name, formula]) => `<div class="formula ${className}"><b>${name}</b> ${mathHtml(formula)}</div>`).join('')
    + `<p>${rich('vg.why.text')}</p>`;
  $('gradient-method').innerHTML = rich('vg.method', data);
  drawWeights();
  drawMemory();
}

function drawControls() {
  const group = (name, label, values, chosen, show) => `<fieldset class="choice"><legend>${rich(label)}</legend><div class="switch">${values.map((value) =>
    `<label><input type="radio" name="${name}" value="${value}"${value === chosen ? ' checked' : ''}><span>${show(value)}</span></label>`).join('')}</div></fieldset>`;
  $('gradient-controls').innerHTML = group('scale', 'vg.scale', data.scales, scale, (value) => `× ${value}`)
    + group('bias', 'vg.bias', data.keep_biases, bias, (value) => (value ? `+${value}` : '0'));
  $('gradient-controls').onchange = (event) => {
    if (event.target.name === 'scale') scale = Number(event.target.value);
    else bias = Number(event.target.value);
    drawChart();
    drawMemory();
  };
}

/** The curve of a kind of layer in the chosen setting. The RNN has no gate, so it has no bias. */
const curve = (cell) => data.curves.find((it) => it.cell === cell && it.scale === scale && it.keep_bias === (cell === 'rnn' ? 0 : bias)).norms;

const superscript = (exponent) => String(exponent).replace('-', '⁻').replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]);

/** 3.2e-7 as 3.2 · 10⁻⁷. */
function scientific(value) {
  if (value === 0) return '0';
  const exponent = Math.floor(Math.log10(value));
  if (exponent >= -2 && exponent <= 2) return value.toPrecision(2);
  return `${(value / 10 ** exponent).toFixed(1)}\u00a0·\u00a010${superscript(exponent)}`;
}

function drawChart() {
  width = Math.max($('gradient-chart').clientWidth, 280);
  const steps = data.steps;
  const lines = CELLS.map(([cell, , marks]) => {
    const points = Array.from(curve(cell), (norm, i) => [i + 1, Math.log10(Math.max(norm, 1e-40))]);
    return { className: cell, points, marks };
  });
  const chart = lineChart({
    width, height: 330, title: t('vg.chart'), left: 62,
    lines: [],
    x: { low: 1, high: steps, label: t('vg.step'), ticks: [1, 10, 20, 30, 40, 50].filter((step) => step <= steps).map((step) => [step, step]) },
    y: { low: LOW, high: HIGH, label: t('vg.norm'), ticks: [-12, -9, -6, -3, 0, 3].map((power) => [power, `10${superscript(power)}`]) },
    above: ({ px, py, top, bottom }) => `<clipPath id="gradient-clip"><rect x="${px(1) - 4}" y="${top}" width="${px(steps) - px(1) + 8}" height="${bottom - top}"/></clipPath>
<g clip-path="url(#gradient-clip)">${lines.map(({ className, points, marks }) => `<path d="${points.map(([x, y], i) => `${i ? 'L' : 'M'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join('')}" class="line ${className}"/>`
    + points.filter(([x]) => x % 7 === 1 || x === steps).map(([x, y]) => mark(marks, px(x), py(y), className)).join('')).join('')}</g>`,
  });
  $('gradient-chart').innerHTML = chart;
  $('gradient-legend').innerHTML = CELLS.map(([cell, label, shape]) => legendItem(cell, shape, label)).join('');
  const ratio = Object.fromEntries(CELLS.map(([cell]) => [cell, curve(cell)[0] / curve(cell)[steps - 1]]));
  const key = ratio.rnn > 1 ? 'vg.finding.explodes' : 'vg.finding';
  $('gradient-finding').innerHTML = rich(key, { steps, rnn: scientific(ratio.rnn), lstm: scientific(ratio.lstm), gru: scientific(ratio.gru) });
}

/** The losses on the task that needs a memory, with the chosen bias. */
function drawMemory() {
  const chartWidth = Math.max($('memory-chart').clientWidth, 280);
  const learned = Object.fromEntries(CELLS.map(([cell]) =>
    [cell, memory.learning.find((it) => it.cell === cell && it.keep_bias === (cell === 'rnn' ? 0 : bias))]));
  $('memory-chart').innerHTML = lineChart({
    width: chartWidth, height: 240, title: t('vg.task.chart'),
    lines: CELLS.map(([cell, , marks]) => ({ className: cell, marks, points: learned[cell].losses.map((loss, i) => [(i + 0.5) * memory.mean_of, loss]) })),
    x: { low: 0, high: memory.batches, label: t('vg.task.batches'), ticks: [0, 200, 400, 600].map((count) => [count, count]) },
    y: { low: 0, high: 0.75, label: t('vg.task.loss'), ticks: [[0, '0'], [0.25, '0.25'], [0.5, '0.5'], [Math.log(2), 'ln 2']] },
  });
  $('memory-legend').innerHTML = CELLS.map(([cell, label, shape]) => legendItem(cell, shape, label)).join('');
  $('memory-text').innerHTML = rich('vg.task.text', memory);
  const share = (cell) => percent(learned[cell].accuracy, 0);
  $('memory-finding').innerHTML = rich('vg.task.finding', { bias, batches: memory.batches, rnn: share('rnn'), lstm: share('lstm'), gru: share('gru') });
}

function drawWeights() {
  const count = (value) => value.toLocaleString('en-US');
  const row = ({ lesson, input, hidden, layers, rnn, lstm, gru }) => {
    const cells = { rnn, gru, lstm };
    const own = { TextRNN: 'rnn', StockRNN: 'lstm', MNISTNN: 'gru' }[lesson];
    return `<tr><th scope="row">${lesson}<small>${t('vg.sizes', { input, hidden, layers })}</small></th>${Object.entries(cells).map(([name, value]) =>
      `<td class="${name === own ? 'own' : ''}">${count(value)}</td>`).join('')}</tr>`;
  };
  $('weight-table').innerHTML = `<table class="numbers"><thead><tr><td></td><th scope="col">RNN</th><th scope="col">GRU</th><th scope="col">LSTM</th></tr></thead>
<tbody>${weights.map(row).join('')}<tr class="total"><th scope="row">${t('vg.ratio')}</th><td>1</td><td>3</td><td>4</td></tr></tbody></table>`;
}
