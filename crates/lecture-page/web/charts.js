// Charts as SVG text, bars as HTML, and the player with its slider.

import { escape } from './math.js';
import { t } from './i18n.js';

/** Round numbers that divide a range into about `count` parts. */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const marks = [];
  for (let mark = Math.ceil(low / step) * step; mark <= high + 1e-9 * step; mark += step) marks.push(+mark.toPrecision(12));
  return marks;
}

/**
 * A line chart. `lines`: { className, points: [[x, y]], marks: shape of the points or null }.
 * `x`, `y`: { low, high, ticks: [[position, label]], label }. `extra` is SVG below the lines, with the functions px and py.
 */
export function lineChart({ width, height, title, lines, x, y, below = () => '', above = () => '', left = 58, right = 14, bottom = 42 }) {
  const top = 14;
  const px = (value) => left + (width - left - right) * (value - x.low) / (x.high - x.low);
  const py = (value) => height - bottom - (height - top - bottom) * (value - y.low) / (y.high - y.low);
  const grid = y.ticks.map(([value, label]) =>
    `<line x1="${left}" x2="${width - right}" y1="${py(value).toFixed(1)}" y2="${py(value).toFixed(1)}" class="grid"/>`
    + `<text x="${left - 7}" y="${(py(value) + 4).toFixed(1)}" text-anchor="end" class="tick">${label}</text>`);
  const marks = x.ticks.map(([value, label]) =>
    `<line x1="${px(value).toFixed(1)}" x2="${px(value).toFixed(1)}" y1="${height - bottom}" y2="${height - bottom + 4}" class="axis"/>`
    + `<text x="${px(value).toFixed(1)}" y="${height - bottom + 17}" text-anchor="middle" class="tick">${escape(label)}</text>`);
  const drawn = lines.map(({ className, points, marks: shape }) => {
    const path = points.map(([a, b], i) => `${i ? 'L' : 'M'}${px(a).toFixed(1)} ${py(b).toFixed(1)}`).join('');
    const symbols = shape ? points.map(([a, b]) => mark(shape, px(a), py(b), className)).join('') : '';
    return `<path d="${path}" class="line ${className}"/>${symbols}`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" class="chart" role="img" aria-label="${escape(title)}">
<g>${grid.join('')}</g>${below({ px, py, top, bottom: height - bottom })}
<line x1="${left}" x2="${width - right}" y1="${height - bottom}" y2="${height - bottom}" class="axis"/>${marks.join('')}
<text x="${left}" y="${height - 6}" class="axis-label" text-anchor="start">${escape(x.label)}</text>
<text transform="translate(13 ${(top + height - bottom) / 2}) rotate(-90)" class="axis-label" text-anchor="middle">${escape(y.label)}</text>
${drawn.join('')}${above({ px, py, top, bottom: height - bottom })}</svg>`;
}

/** A symbol at a point: lines differ by shape, not only by colour. */
export function mark(shape, x, y, className) {
  const at = (dx, dy) => `${(x + dx).toFixed(1)} ${(y + dy).toFixed(1)}`;
  if (shape === 'square') return `<path d="M${at(-3, -3)}h6v6h-6z" class="mark ${className}"/>`;
  if (shape === 'triangle') return `<path d="M${at(0, -4)}L${at(4, 3)}L${at(-4, 3)}z" class="mark ${className}"/>`;
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" class="mark ${className}"/>`;
}

/** An entry of a legend. */
export function legendItem(className, shape, label) {
  return `<span class="legend-item"><svg width="34" height="14" aria-hidden="true"><path d="M1 7H33" class="line ${className}"/>`
    + `${shape ? mark(shape, 17, 7, className) : ''}</svg>${label}</span>`;
}

/** Horizontal bars: { label, value, text, className }. `largest` is the value of a full bar. */
export function bars(items, largest = 1) {
  const row = ({ label, value, text, exact = value, className = '' }) => `<tr class="${className}"><th scope="row">${label}</th>`
    + `<td class="bar-cell"><span class="bar-fill" style="width:${(100 * Math.max(value, 0) / largest).toFixed(2)}%"></span></td>`
    + `<td class="bar-value" data-exact="${exact}">${text}</td></tr>`;
  return `<table class="bars"><tbody>${items.map(row).join('')}</tbody></table>`;
}

/**
 * A player: step back, play or pause, step forward, and a slider from 1 to `count`.
 * `label(step)` is the text beside the slider; `show(step)` is called after each change.
 */
export class Player {
  constructor(element, { count, name, label, show, delay }) {
    Object.assign(this, { count, label, show, delay, step: count, timer: null });
    element.innerHTML = `<button type="button" class="round" data-do="back">◀</button>
<button type="button" class="round play" data-do="play">▶</button>
<button type="button" class="round" data-do="next">▶</button>
<input type="range" min="1" max="${count}" value="${count}"><output></output>`;
    this.buttons = Object.fromEntries([...element.querySelectorAll('button')].map((button) => [button.dataset.do, button]));
    this.buttons.back.innerHTML = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M11 3L5 8l6 5z"/><path d="M3 3h2v10H3z"/></svg>';
    this.buttons.next.innerHTML = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 3l6 5-6 5z"/><path d="M11 3h2v10h-2z"/></svg>';
    this.slider = element.querySelector('input');
    this.output = element.querySelector('output');
    this.name = name;
    this.buttons.back.onclick = () => this.pauseAt(Math.max(1, this.step - 1));
    this.buttons.next.onclick = () => this.pauseAt(Math.min(this.count, this.step + 1));
    this.buttons.play.onclick = () => (this.timer ? this.pauseAt(this.step) : this.play());
    this.slider.oninput = () => this.pauseAt(Number(this.slider.value));
    this.translate();
  }

  translate() {
    this.buttons.back.setAttribute('aria-label', t('player.back'));
    this.buttons.next.setAttribute('aria-label', t('player.next'));
    this.slider.setAttribute('aria-label', t(this.name));
    this.drawPlay();
    this.drawStep();
  }

  drawPlay() {
    this.buttons.play.innerHTML = this.timer
      ? '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 3h3v10H4zM9 3h3v10H9z"/></svg>'
      : '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2l9 6-9 6z"/></svg>';
    this.buttons.play.setAttribute('aria-label', t(this.timer ? 'player.pause' : 'player.play'));
  }

  drawStep() {
    this.slider.value = this.step;
    this.output.textContent = this.label(this.step);
    this.slider.setAttribute('aria-valuetext', this.output.textContent);
  }

  go(step) {
    this.step = step;
    this.drawStep();
    this.show(step);
  }

  pauseAt(step) {
    clearInterval(this.timer);
    this.timer = null;
    this.drawPlay();
    this.go(step);
  }

  play() {
    if (this.step === this.count) this.go(1);
    this.timer = setInterval(() => {
      if (this.step < this.count) this.go(this.step + 1);
      if (this.step === this.count) this.pauseAt(this.count);
    }, this.delay);
    this.drawPlay();
  }
}
