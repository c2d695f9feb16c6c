// Part 1: an RNN reads words and predicts the next one. Two sentences side by side.

import { bars } from './charts.js';
import { colorOf, css, textOn } from './colors.js';
import { unrolledRnn } from './diagrams.js';
import { onLanguage, rich, t } from './i18n.js';
import { escape, mathHtml, number, percent } from './math.js';

const $ = (id) => document.getElementById(id);
const MOST_WORDS = 4;
let network, words, targets, parameters;
let chosen = { step: 1, unit: 0 };
const sentences = [{ name: 'A', text: 'i like' }, { name: 'B', text: 'you like' }];

export function startText(textRnn, data) {
  network = textRnn;
  words = data.words;
  targets = Object.fromEntries(data.sentences.map(({ input, target }) => [input, target]));
  parameters = {
    wIh: network.parameter('rnn.weight_ih_l0', network.words),
    wHh: network.parameter('rnn.weight_hh_l0', network.hidden),
    bIh: network.parameter('rnn.bias_ih_l0', network.hidden)[0],
    bHh: network.parameter('rnn.bias_hh_l0', network.hidden)[0],
  };
  buildSentences();
  for (const sentence of sentences) read(sentence);
  chosen = { step: 1, unit: mostDifferent() };
  for (const name of ['unit', 'step']) {
    $(`rnn-${name}`).onchange = (event) => { chosen[name] = Number(event.target.value); drawText(); };
  }
  onLanguage(drawText);
}

/** The unit whose last states differ most. */
function mostDifferent() {
  const [a, b] = sentences.map((sentence) => sentence.steps.at(-1).h);
  return Array.from(a).reduce((best, value, j) => (Math.abs(value - b[j]) > Math.abs(a[best] - b[best]) ? j : best), 0);
}

function buildSentences() {
  $('sentences').innerHTML = sentences.map(({ name, text }, i) => `<div class="card sentence" data-sentence="${i}">
<label for="words-${i}"><b class="badge ${name}">${name}</b> <span data-t="rnn.type"></span></label>
<div class="words-row"><input type="text" id="words-${i}" value="${text}" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="words-problem-${i}">
<button type="button" data-remove="1" data-t-label="rnn.remove">⌫</button></div>
<div class="chips" role="group" data-t-label="rnn.words">${words.map((word) => `<button type="button" class="chip" data-word="${escape(word)}">${escape(word)}</button>`).join('')}</div>
<p class="problem" id="words-problem-${i}" role="status"></p>
<div class="figure unrolled"></div>
<h4 class="next-title"></h4><div class="next"></div></div>`).join('');
  for (const card of $('sentences').children) {
    const sentence = sentences[Number(card.dataset.sentence)];
    const input = card.querySelector('input');
    input.oninput = () => { sentence.text = input.value; read(sentence); drawText(); };
    card.onclick = (event) => {
      const { word, remove } = event.target.dataset;
      const { step, unit } = event.target.closest('[data-unit]')?.dataset ?? {};
      if (unit !== undefined) {
        chosen = { step: Number(step), unit: Number(unit) };
        drawText();
      } else if (word !== undefined || remove) {
        const typed = input.value.trim().split(/\s+/).filter(Boolean);
        input.value = [...(word ? [...typed, word] : typed.slice(0, -1))].join(' ');
        input.oninput();
      }
    };
  }
}

/** Runs the network on a sentence. Words that it does not know are left out and named. */
function read(sentence) {
  const typed = sentence.text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  sentence.unknown = typed.filter((word) => !words.includes(word));
  sentence.known = typed.filter((word) => words.includes(word));
  sentence.dropped = Math.max(0, sentence.known.length - MOST_WORDS);
  sentence.known = sentence.known.slice(-MOST_WORDS);
  sentence.steps = sentence.known.length ? network.run(sentence.known.map((word) => words.indexOf(word))) : [];
}

const best = (shares) => Array.from(shares).reduce((most, value, i) => (value > shares[most] ? i : most), 0);

const unitColor = (value) => {
  const color = colorOf(value, 'signed');
  return { fill: css(color), text: textOn(color) };
};

export function drawText() {
  if (!network) return;
  for (const card of $('sentences').children) drawSentence(card, sentences[Number(card.dataset.sentence)]);
  drawEquations();
}

function drawSentence(card, sentence) {
  const problem = card.querySelector('.problem');
  problem.textContent = sentence.unknown.length
    ? t('rnn.unknown', { words: sentence.unknown.join(', '), list: words.join(', ') })
    : sentence.dropped ? t('rnn.long', { count: MOST_WORDS })
      : sentence.known.length && sentence.known.length !== 2 ? t('rnn.two') : '';
  const { steps, known } = sentence;
  const last = steps.at(-1);
  card.querySelector('.unrolled').innerHTML = steps.length === 0 ? `<p class="hint">${t('rnn.nothing')}</p>` : unrolledRnn({
    title: t('rnn.diagram', { words: known.join(' '), next: words[best(last.next)] }),
    words: words.length,
    hidden: network.hidden,
    cell: unitColor,
    labels: {},
    steps: steps.map((step, i) => ({
      label: known[i],
      hot: words.indexOf(known[i]),
      h: step.h,
      chosen: i === chosen.step ? chosen.unit : -1,
      output: `${words[best(step.next)]} ${percent(step.next[best(step.next)])}`,
    })),
  });
  const diagram = card.querySelector('svg');
  if (diagram) diagram.style.maxWidth = `${1.1 * diagram.viewBox.baseVal.width}px`; // text of one size for any number of words
  const target = targets[known.join(' ')];
  card.querySelector('.next-title').innerHTML = steps.length ? rich('rnn.next', { words: known.join(' ') }) : '';
  card.querySelector('.next').innerHTML = last ? bars(words.map((word, i) => ({
    label: `${escape(word)}${word === target ? ' <span class="target" title="">✓</span>' : ''}`,
    value: last.next[i],
    text: percent(last.next[i], 2),
    className: i === best(last.next) ? 'best' : '',
  }))) : '';
}

/** The terms of one unit's equation at one step. */
function terms(sentence) {
  const { unit, step } = chosen;
  if (step >= sentence.steps.length) return null;
  const word = words.indexOf(sentence.known[step]);
  const before = step ? sentence.steps[step - 1].h : new Float64Array(network.hidden);
  const fromX = parameters.wIh[unit][word];
  const products = Array.from(parameters.wHh[unit], (weight, k) => weight * before[k]);
  return {
    fromX, products, fromH: products.reduce((sum, value) => sum + value, 0),
    bias: parameters.bIh[unit] + parameters.bHh[unit], a: sentence.steps[step].a[unit], h: sentence.steps[step].h[unit],
    before, word: sentence.known[step],
  };
}

function drawEquations() {
  const { unit, step } = chosen;
  const options = (count, selected) => Array.from({ length: count }, (_, i) => `<option value="${i}"${i === selected ? ' selected' : ''}>${i + 1}</option>`).join('');
  $('rnn-unit').innerHTML = options(network.hidden, unit);
  $('rnn-step').innerHTML = options(Math.max(...sentences.map(({ steps }) => steps.length), step + 1), step);
  $('rnn-formulas').innerHTML = [
    'h_t = \\tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})',
    '^^y_t = \\softmax(h_t W + b)',
    'L_t = -\\log ^^y_t(x_{t+1})',
  ].map((formula) => `<div class="formula">${mathHtml(formula)}</div>`).join('') + `<p class="torch">${rich('rnn.torch')}</p>`;
  const both = sentences.map(terms);
  const cell = (value) => `<td>${value === null ? '–' : number(value, 3)}</td>`;
  const row = (label, pick, className = '') => `<tr class="${className}"><th scope="row">${label}</th>${both.map((it) => cell(it ? pick(it) : null)).join('')}</tr>`;
  const at = step + 1;
  $('rnn-terms').innerHTML = `<table class="numbers" aria-label="${t('rnn.terms', { unit: unit + 1, step: at })}">
<thead><tr><td></td>${sentences.map(({ name, known }) => `<th scope="col"><b class="badge ${name}">${name}</b> ${escape(known[step] ?? '–')}</th>`).join('')}</tr></thead><tbody>
${row(`${mathHtml(`W_{ih} x_${at}`)}`, (it) => it.fromX)}
${row(`${mathHtml('b_{ih} + b_{hh}')}`, (it) => it.bias)}
${row(`${mathHtml(`W_{hh} h_${at - 1}`)}`, (it) => it.fromH)}
${row(t('rnn.sum'), (it) => it.a, 'total')}
${row(`${mathHtml(`h_${at} = \\tanh`)}(${t('rnn.sum')})`, (it) => it.h, 'total')}
</tbody></table>`;
  describe();
}

function describe() {
  const [a, b] = sentences;
  const [x, y] = [a, b].map(({ known }) => known.at(-1));
  if (!a.steps.length || !b.steps.length) { $('rnn-see').textContent = ''; return; }
  const answer = ({ steps }) => {
    const next = steps.at(-1).next;
    return { word: words[best(next)], share: percent(next[best(next)], 1) };
  };
  const [one, two] = [answer(a), answer(b)];
  const same = x === y && a.known.length === b.known.length && a.known.length > 1;
  $('rnn-see').innerHTML = rich(same && a.known.join(' ') !== b.known.join(' ') ? 'rnn.see.same' : 'rnn.see.other', {
    word: x, t: a.known.length, before: a.known.length - 1,
    a: a.known.join(' '), b: b.known.join(' '), one: one.word, p: one.share, two: two.word, q: two.share,
  });
}
