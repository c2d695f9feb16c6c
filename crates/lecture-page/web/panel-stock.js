// Part 2: an LSTM reads seven days of prices and predicts the next close. The series, the window, and the forecast.

import { bars, legendItem, lineChart, ticks } from './charts.js';
import { onLanguage, rich, t } from './i18n.js';
import { number } from './math.js';
import { buildCell, showWeek, translateCell } from './panel-lstm-cell.js';

const $ = (id) => document.getElementById(id);
const WEEK = 7, CLOSE = 4;
let network, dates, trainWindows, name, first, scale;

export function startStock(stockRnn, data) {
  network = stockRnn;
  dates = data.dates;
  name = data.name;
  trainWindows = data.train_windows;
  first = startWindow();
  buildCell(network, dates);
  listen();
  $('stock-shift').onchange = drawDetail;
  onLanguage(() => { translateCell(); drawStock(); });
  new ResizeObserver(() => { if ($('stock-overview').clientWidth !== scale?.width) drawStock(); }).observe($('stock-overview'));
}

/** The test window after which the price moved most: there the delay is easiest to see. */
function startWindow() {
  let best = trainWindows;
  for (let i = trainWindows; i + WEEK < dates.length; i++) {
    const move = (at) => Math.abs(close(at + WEEK) - close(at + WEEK - 1));
    if (move(i) > move(best)) best = i;
  }
  return best;
}

const close = (day) => network.days[day][CLOSE];
const last = () => network.predicted.length - 1;

/** Draws everything again. */
export function drawStock() {
  if (!network) return;
  drawOverview();
  show(first);
  setTimeout(describeDelay);
}

/** Moves the window. */
function show(day) {
  first = Math.min(Math.max(day, 0), last());
  placeHandle();
  drawDetail();
  drawForecast();
  showWeek(first);
}

const month = (date) => date.slice(0, 7);

/** A tick at the first day of every `months`-th month. */
function dateTicks(from, to, months) {
  const marks = [];
  for (let day = Math.max(from, 1); day <= to; day++) {
    if (month(dates[day]) !== month(dates[day - 1]) && (Number(dates[day].slice(5, 7)) - 1) % months === 0) marks.push([day, month(dates[day])]);
  }
  return marks;
}

function drawOverview() {
  const width = Math.max($('stock-overview').clientWidth, 280);
  const closes = dates.map((_, day) => close(day));
  const [low, high] = [Math.min(...closes), Math.max(...closes)];
  const split = trainWindows + WEEK;
  const chart = lineChart({
    width, height: 190, title: t('lstm.series.label', { name, from: dates[0], to: dates.at(-1) }),
    x: { low: 0, high: dates.length - 1, label: t('lstm.date'), ticks: dateTicks(0, dates.length - 1, width < 600 ? 12 : 6) },
    y: { low: low - 10, high: high + 10, label: t('lstm.close'), ticks: ticks(low, high, 4).map((price) => [price, price]) },
    lines: [{ className: 'true', points: closes.map((price, day) => [day, price]) }],
    below: ({ px, top, bottom }) => {
      scale = { px, width };
      return `<rect x="${px(split)}" y="${top}" width="${px(dates.length - 1) - px(split)}" height="${bottom - top}" class="test-part"/>
<text x="${px(split) - 6}" y="${top + 12}" text-anchor="end" class="tick">${t('lstm.train')}</text><text x="${px(split) + 6}" y="${bottom - 8}" class="tick">${t('lstm.test')}</text>`;
    },
  });
  $('stock-overview').innerHTML = `${chart}<div id="stock-window" role="slider" tabindex="0"></div>`;
  const handle = $('stock-window');
  handle.setAttribute('aria-valuemin', 0);
  handle.setAttribute('aria-valuemax', last());
  handle.setAttribute('aria-label', t('lstm.window'));
  handle.onkeydown = (event) => {
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20, Home: -Infinity, End: Infinity };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(Math.min(Math.max(first + move, 0), last()));
  };
}

function placeHandle() {
  const handle = $('stock-window');
  const [left, right] = [scale.px(first), scale.px(first + WEEK - 1)];
  const width = Math.max(right - left, 12);
  handle.style.left = `${(left + right - width) / 2}px`;
  handle.style.width = `${width}px`;
  handle.setAttribute('aria-valuenow', first);
  handle.setAttribute('aria-valuetext', t('lstm.window.value', { from: dates[first], to: dates[first + WEEK - 1] }));
}

/** The window follows the pointer. */
function listen() {
  const area = $('stock-overview');
  let dragging = false;
  const move = (event) => {
    const x = event.clientX - area.getBoundingClientRect().left;
    const [from, to] = [scale.px(0), scale.px(dates.length - 1)];
    show(Math.round((dates.length - 1) * (x - from) / (to - from)) - 3);
  };
  area.onpointerdown = (event) => { dragging = true; area.setPointerCapture(event.pointerId); move(event); event.preventDefault(); $('stock-window').focus({ preventScroll: true }); };
  area.onpointermove = (event) => { if (dragging) move(event); };
  area.onpointerup = area.onpointercancel = () => { dragging = false; };
}

function drawDetail() {
  const width = Math.max($('stock-detail').clientWidth, 280);
  const around = width < 600 ? 8 : 22;
  const from = Math.max(WEEK, first - around + 4);
  const to = Math.min(dates.length, Math.max(first + WEEK + around, from + 2 * around));
  const shift = $('stock-shift').checked ? 1 : 0;
  const range = (start, end, value) => Array.from({ length: Math.max(end - start + 1, 0) }, (_, i) => [start + i, value(start + i)]);
  const known = Math.min(to, dates.length - 1);
  const start = Math.min(first, from);
  const lines = [
    { className: 'true', points: range(start, known, close), marks: 'circle' },
    { className: 'yesterday', points: range(from, to, (day) => close(day - 1)), marks: 'square' },
    { className: 'predicted', points: range(from, to, (day) => network.predicted[day - WEEK]).map(([day, price]) => [day - shift, price]), marks: 'triangle' },
  ];
  const prices = lines.flatMap(({ points }) => points.map(([, price]) => price));
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const every = Math.ceil((to - start) / (width < 600 ? 3 : 8));
  $('stock-detail').innerHTML = lineChart({
    width, height: width < 600 ? 260 : 300, title: t('lstm.near.label'), lines,
    x: { low: start - 0.5, high: to + 0.5, label: t('lstm.date'), ticks: range(start, known, (day) => dates[day]).filter((_, i) => i % every === 0) },
    y: { low: low - 4, high: high + 4, label: t('lstm.close'), ticks: ticks(low, high, 5).map((price) => [price, price]) },
    below: ({ px, top, bottom }) => `<rect x="${px(first - 0.5)}" width="${px(first + 6.5) - px(first - 0.5)}" y="${top}" height="${bottom - top}" class="window"/>
<text x="${px(first + 3)}" y="${top + 13}" text-anchor="middle" class="tick strong">${t('lstm.seven')}</text>
<line x1="${px(first + WEEK)}" x2="${px(first + WEEK)}" y1="${top}" y2="${bottom}" class="target-day"/>`,
  });
  $('stock-legend').innerHTML = legendItem('true', 'circle', t('lstm.true')) + legendItem('predicted', 'triangle', t(shift ? 'lstm.predicted.shifted' : 'lstm.predicted'))
    + legendItem('yesterday', 'square', t('lstm.yesterday')) + `<span class="legend-item"><svg width="20" height="14" aria-hidden="true"><line x1="10" x2="10" y1="0" y2="14" class="target-day"/></svg>${t('lstm.day8')}</span>`;
}

const money = (value) => `$${number(value)}`;
const signed = (value) => (value < 0 ? `\u2212$${number(-value)}` : `+$${number(value)}`);

function drawForecast() {
  const target = first + WEEK;
  const truth = target < dates.length ? close(target) : null;
  const row = (label, price, className) => `<tr class="${className}"><th scope="row">${label}</th><td data-exact="${price}">${price === null ? '–' : money(price)}</td>
<td>${price === null || truth === null || className === 'is-true' ? '' : signed(price - truth)}</td></tr>`;
  $('stock-forecast').innerHTML = `<table class="numbers"><caption>${target < dates.length ? t('lstm.for', { date: dates[target] }) : t('lstm.for.next')}</caption>
<thead><tr><td></td><th scope="col">${t('lstm.close.short')}</th><th scope="col">${t('lstm.error')}</th></tr></thead><tbody>
${row(t('lstm.predicted'), network.predicted[first], 'is-predicted')}${row(t('lstm.yesterday'), close(target - 1), 'is-yesterday')}${row(t('lstm.true'), truth, 'is-true')}</tbody></table>`;
  const changes = network.sensitivity(first, 10);
  const largest = Math.max(...Array.from(changes, Math.abs), 0.01);
  $('stock-sensitivity').innerHTML = bars(Array.from(changes, (change, day) => ({
    label: `${t('lstm.day', { day: day + 1 })} <small>${dates[first + day].slice(5)}</small>`, value: Math.abs(change), text: signed(change),
    className: change < 0 ? 'negative' : '',
  })), largest);
}

/** Mean distances over the test days, and how much the last day counts. */
function describeDelay() {
  let [own, before, naive, count] = [0, 0, 0, 0];
  const effect = new Float64Array(WEEK);
  for (let i = trainWindows; i + WEEK < dates.length; i++, count++) {
    own += Math.abs(network.predicted[i] - close(i + WEEK));
    before += Math.abs(network.predicted[i] - close(i + WEEK - 1));
    naive += Math.abs(close(i + WEEK) - close(i + WEEK - 1));
    if (count % 10 === 0) network.sensitivity(i, 10).forEach((change, day) => { effect[day] += change; });
  }
  const samples = Math.ceil(count / 10);
  const others = effect.subarray(0, WEEK - 1).reduce((sum, change) => sum + change, 0);
  $('stock-late').innerHTML = rich(before < own ? 'lstm.late' : 'lstm.not.late', {
    count, own: money(own / count), before: money(before / count), naive: money(naive / count),
    effect: money(effect[WEEK - 1] / samples), others: money(others / samples),
  });
}
