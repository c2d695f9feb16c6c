// Part 2, the cell: one unit of the LSTM, day by day.

import { bars, Player } from './charts.js';
import { colorOf, css, paint, palette, scaleLegend, textOn } from './colors.js';
import { lstmCell, updateDiagram } from './diagrams.js';
import { rich, t } from './i18n.js';
import { mathHtml, number, percent } from './math.js';
import { addNotationSwitch, drawNotationSwitches, isTorch, onNotation } from './notation.js';
import { bracket } from './panel-digit.js';

const $ = (id) => document.getElementById(id);
const WEEK = 7;
const GATES = ['f', 'i', 'g', 'c', 'o', 'h'];
const COLUMNS = ['Open', 'High', 'Low', 'Volume', 'Close'];
/** The equations, in the order of the slides and of torch's documentation. */
const SLIDES = [
  ['f', 'f_t = σ(W_f · [h_{t-1}, x_t] + b_f)'],
  ['i', 'i_t = σ(W_i · [h_{t-1}, x_t] + b_i)'],
  ['g', '~C_t = \\tanh(W_C · [h_{t-1}, x_t] + b_C)'],
  ['c', 'C_t = f_t * C_{t-1} + i_t * ~C_t'],
  ['o', 'o_t = σ(W_o · [h_{t-1}, x_t] + b_o)'],
  ['h', 'h_t = o_t * \\tanh(C_t)'],
];
const TORCH = [
  ['i', 'i_t = σ(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi})'],
  ['f', 'f_t = σ(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf})'],
  ['g', 'g_t = \\tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg})'],
  ['o', 'o_t = σ(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho})'],
  ['c', 'c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t'],
  ['h', 'h_t = o_t ⊙ \\tanh(c_t)'],
];
let network, dates, first, week, player, unit = 0;

export function buildCell(stockRnn, allDates) {
  network = stockRnn;
  dates = allDates;
  $('stock-player').innerHTML = `<div class="player"></div><label class="unit"><span data-t="lstm.unit"></span>
<select id="stock-unit">${Array.from({ length: network.hidden }, (_, j) => `<option value="${j}">${j + 1}</option>`).join('')}</select></label>`;
  player = new Player($('stock-player').firstChild, {
    count: WEEK, name: 'lstm.day.name', delay: 900, show: showDay,
    label: (day) => t('lstm.day.of', { day, date: week ? dates[first + day - 1] : '' }),
  });
  $('stock-unit').onchange = (event) => { unit = Number(event.target.value); showDay(player.step); };
  addNotationSwitch($('lstm-notation'));
  onNotation(() => { drawNotationSwitches(); showDay(player.step); });
  $('stock-gates').innerHTML = GATES.map((name) => `<figure><figcaption data-gate="${name}"></figcaption>
<div class="map small"><canvas id="stock-gate-${name}" role="img"></canvas><div class="cell-cursor"></div></div><div class="days" aria-hidden="true">${Array.from({ length: WEEK }, (_, i) => `<span>${i + 1}</span>`).join('')}</div></figure>`).join('');
  for (const map of $('stock-gates').querySelectorAll('.map')) {
    map.onclick = (event) => {
      const box = map.getBoundingClientRect();
      const at = (offset, size, count) => Math.min(count - 1, Math.max(0, Math.floor(count * offset / size)));
      unit = at(event.clientY - box.top, box.height, network.hidden);
      player.pauseAt(1 + at(event.clientX - box.left, box.width, WEEK));
    };
  }
}

export function translateCell() {
  player.translate();
  drawNotationSwitches();
}

/** Shows the window that starts with this day. */
export function showWeek(day) {
  const fresh = !week;
  first = day;
  week = network.week(first);
  if (fresh) unit = mostUsed();
  drawCell();
}

/** The unit whose cell state is largest at the end of the window. */
function mostUsed() {
  return week.c[WEEK - 1].reduce((best, value, j, all) => (Math.abs(value) > Math.abs(all[best]) ? j : best), 0);
}

const largestState = () => Math.max(1, ...week.c.flatMap((row) => Array.from(row, Math.abs)));

/** Draws everything again. */
export function drawCell() {
  if (!week) return;
  $('lstm-diagram').innerHTML = lstmCell({ title: t('lstm.diagram'), values: unitValues(player.step) });
  const largest = largestState();
  for (const name of GATES) {
    const scale = name === 'c' ? 'state' : name === 'g' || name === 'h' ? 'signed' : 'gate';
    const color = palette(scale, largest);
    const ends = scale === 'gate' ? [0, 1] : scale === 'signed' ? ['−1', 1] : [`−${number(largest, 1)}`, number(largest, 1)];
    const canvas = $(`stock-gate-${name}`);
    paint(canvas, network.hidden, WEEK, (j, day) => color(week[name][day][j]));
    canvas.setAttribute('aria-label', t(`lstm.gate.${name}`).replace(/[$*]/g, ''));
    $('stock-gates').querySelector(`[data-gate="${name}"]`).innerHTML = `<span>${rich(`lstm.gate.${name}`)}</span>${scaleLegend(scale, ...ends)}`;
  }
  drawInputs();
  drawForget();
  player.drawStep();
  showDay(player.step);
}

function drawInputs() {
  const cells = (column) => Array.from({ length: WEEK }, (_, day) => {
    const value = network.days[first + day][column];
    const scaled = network.scaled(value, column);
    const color = colorOf(scaled, 'gate');
    const shown = column === 3 ? `${number(value / 1e6, 2)} M` : `$${number(value)}`;
    return `<td data-day="${day + 1}"><span class="scaled" style="background:${css(color)};color:${textOn(color)}">${number(scaled, 3)}</span><small>${shown}</small></td>`;
  });
  $('stock-inputs').innerHTML = `<table class="inputs"><thead><tr><td></td>${Array.from({ length: WEEK }, (_, day) =>
    `<th scope="col" data-day="${day + 1}">${mathHtml(`x_${day + 1}`)}<small>${dates[first + day]}</small></th>`).join('')}</tr></thead>
<tbody>${COLUMNS.map((name, column) => `<tr><th scope="row">${name}</th>${cells(column).join('')}</tr>`).join('')}</tbody></table>`;
}

/** The numbers of the chosen unit on a day. */
function unitValues(day) {
  const at = (name, index) => week[name][index][unit];
  const index = day - 1;
  const [f, i, g, o, c, h] = ['f', 'i', 'g', 'o', 'c', 'h'].map((name) => at(name, index));
  const [c0, h0] = index ? [at('c', index - 1), at('h', index - 1)] : [0, 0];
  return { f, i, g, o, c, h, c0, h0, kept: f * c0, ig: i * g, tanh: Math.tanh(c) };
}

function showDay(day) {
  if (!week) return;
  const values = unitValues(day);
  updateDiagram($('lstm-diagram'), values);
  const v = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, number(value)]));
  const line = ([name, formula, result]) => `<div class="formula ${name}">${mathHtml(formula)}${result}</div>`;
  const logit = (share) => number(Math.log(share / (1 - share)));
  const results = {
    f: ` = σ(${logit(values.f)}) = <b>${v.f}</b>`,
    i: ` = σ(${logit(values.i)}) = <b>${v.i}</b>`,
    g: ` = tanh(${number(Math.atanh(values.g))}) = <b>${v.g}</b>`,
    o: ` = σ(${logit(values.o)}) = <b>${v.o}</b>`,
    c: ` = ${v.f} · ${bracket(v.c0)} + ${v.i} · ${bracket(v.g)} = <b>${v.c}</b>`,
    h: ` = ${v.o} · ${bracket(v.tanh)} = <b>${v.h}</b>`,
  };
  const equations = isTorch() ? TORCH : SLIDES;
  $('lstm-formulas').innerHTML = `<p class="where">${rich('lstm.where', { unit: unit + 1, day, date: dates[first + day - 1] })}</p>`
    + equations.map(([name, formula]) => line([name, formula, results[name]])).join('') + `<p class="torch">${rich('lstm.torch')}</p>`;
  $('stock-unit').value = unit;
  for (const cursor of $('stock-gates').querySelectorAll('.cell-cursor')) {
    cursor.style.cssText = `left:${100 * (day - 1) / WEEK}%;top:${100 * unit / network.hidden}%;width:${100 / WEEK}%;height:${100 / network.hidden}%`;
  }
  for (const cell of $('stock-inputs').querySelectorAll('[data-day]')) cell.classList.toggle('now', Number(cell.dataset.day) === day);
  describeForget(day, values);
}

/** What the forget gate of this unit does on this day. */
function describeForget(day, values) {
  const { f, c0, kept, ig, c } = values;
  const key = day === 1 ? 'lstm.forget.first' : 'lstm.forget.text';
  const mean = week.f.flatMap((row) => Array.from(row)).reduce((sum, value) => sum + value, 0) / (WEEK * network.hidden);
  $('forget-text').innerHTML = rich(key, {
    unit: unit + 1, day, f: number(f), share: percent(f, 0), c0: bracket(number(c0)), kept: number(kept), ig: number(ig), c: number(c), mean: percent(mean, 0),
  });
}

/** The forecast with the trained forget gate, with f = 0, and with f = 1. */
function drawForget() {
  const closes = ['trained', 'closed', 'open'].map((forget) => network.week(first, forget).close);
  const truth = network.days[first + WEEK]?.[4];
  const low = Math.min(...closes, truth ?? Infinity) - 30;
  const items = [
    ...['trained', 'closed', 'open'].map((name, i) => ({ label: rich(`lstm.forget.${name}`), price: closes[i], className: name === 'trained' ? 'best' : '' })),
    ...(truth === undefined ? [] : [{ label: t('lstm.true'), price: truth, className: 'is-true' }]),
  ];
  const largest = Math.max(...items.map(({ price }) => price)) - low;
  $('forget-bars').innerHTML = `<p class="hint">${t('lstm.forget.bars', { low: number(low, 0) })}</p>`
    + bars(items.map(({ label, price, className }) => ({ label, value: price - low, text: `$${number(price)}`, className })), largest);
}
