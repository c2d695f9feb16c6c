// Tests of the written page in headless Chromium: node --test crates/lecture-page/tests/page.js
//
// scripts/test-lecture-page.sh runs it. The environment names the files: LECTURE_PAGE, LECTURE_MODELS (the models in the
// page), LESSONS (the folder of the lessons' programs), and optionally SCREENSHOTS (a folder to write pictures into).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Browser } from './browser.js';
import { english } from '../web/text-en.js';
import { korean } from '../web/text-ko.js';

const { LECTURE_PAGE, LECTURE_MODELS, LESSONS, SCREENSHOTS } = process.env;
const url = pathToFileURL(path.resolve(LECTURE_PAGE)).href;
let browser, page;

before(async () => {
  browser = await Browser.start();
  page = await browser.open(url);
});

after(async () => {
  await browser?.close();
});

/** What a lesson's program prints with --json. */
function lesson(name, ...options) {
  const model = path.join(LECTURE_MODELS, name, 'model.pt');
  const output = execFileSync(path.join(LESSONS, name), ['predict', ...options, '--model', model, '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output);
}

const near = (one, other, what, tolerance = 1e-4) => assert.ok(Math.abs(one - other) < tolerance, `${what}: ${one} in the page, ${other} in the lesson`);

/** The bars in an element: [label, exact value]. */
const bars = (selector) => page.value(`[...document.querySelectorAll(${JSON.stringify(`${selector} tbody tr`)})].map((row) =>
  [row.querySelector('th').innerText.replace('✓', '').trim(), Number([...row.querySelectorAll('[data-exact]')].at(-1).dataset.exact)])`);

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

test('typed words: the words and probabilities of text-rnn', async () => {
  for (const [i, words] of [[0, 'i hate'], [1, 'you love'], [0, 'i like'], [1, 'you like']]) {
    await page.type(`#words-${i}`, words);
    const expected = lesson('text-rnn', words);
    const shown = Object.fromEntries(await bars(`[data-sentence="${i}"] .next`));
    assert.equal(Object.keys(shown).length, expected.probabilities.length);
    for (const { word, probability } of expected.probabilities) near(shown[word], probability, `${words} ${word}`);
    const best = await page.value(`document.querySelector('[data-sentence="${i}"] .next .best th').innerText.replace('✓', '').trim()`);
    assert.equal(best, expected.predicted);
  }
  await page.type('#words-0', 'i like tea');
  assert.match(await page.value('document.getElementById("words-problem-0").textContent'), /tea/);
  await page.type('#words-0', 'i like');
  assert.match(await page.value('document.getElementById("rnn-see").textContent'), /dog.*cat/s);
});

test('the window of prices: dragged, moved by keys, and the forecast of stock-lstm', async () => {
  const { left, top, width, height } = await page.box('#stock-overview svg');
  const window = () => page.value('document.getElementById("stock-window").getAttribute("aria-valuetext")');
  const at = (share) => [left + share * width, top + height / 2];
  const first = await window();
  await page.drag([at(0.8), at(0.6), at(0.3)]);
  const dragged = await window();
  assert.notEqual(dragged, first);
  await page.key('ArrowRight');
  assert.notEqual(await window(), dragged);
  await page.key('End');
  const expected = lesson('stock-lstm', '--days', '1').predicted[0].close;
  const shown = await page.value('Number(document.querySelector("#stock-forecast .is-predicted [data-exact]").dataset.exact)');
  const { min, max } = JSON.parse(fs.readFileSync(path.join(LECTURE_MODELS, 'stock-lstm', 'config.json'))).scaler;
  near((shown - min[4]) / (max[4] - min[4]), (expected - min[4]) / (max[4] - min[4]), 'scaled close');
  assert.equal(shown.toFixed(2), expected.toFixed(2));
});

test('a 3 drawn with the mouse: the digit and probabilities of mnist-gru', async () => {
  await drawThree(page);
  const shown = await bars('#digit-bars');
  const picture = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'digit-')), 'three.png');
  const saved = await page.value('(() => { const link = document.getElementById("digit-save"); link.onclick(); return link.href; })()');
  fs.writeFileSync(picture, Buffer.from(saved.split(',')[1], 'base64'));
  const expected = lesson('mnist-gru', '--image', picture);
  shown.forEach(([digit, probability]) => near(probability, expected.probabilities[Number(digit)], `digit ${digit}`));
  assert.equal(expected.predicted, 3);
  assert.match(await page.value('document.getElementById("digit-decision").textContent'), /3/);
});

async function drawThree(target) {
  const { left, top, width } = await target.box('#drawing');
  const arc = (cx, cy, r, from, to) => Array.from({ length: 24 }, (_, i) => {
    const angle = (from + (to - from) * i / 23) * Math.PI / 180;
    return [Math.round(left + width * (cx + r * Math.cos(angle))), Math.round(top + width * (cy + r * Math.sin(angle)))];
  });
  await target.drag([...arc(0.48, 0.34, 0.17, 200, 440), ...arc(0.48, 0.66, 0.2, 280, 510)]);
  await target.value('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
}

test('the digit is read row by row', async () => {
  await page.click('#digit-player [data-do=back]');
  assert.match(await page.value('document.querySelector("#digit-player output").textContent'), /27/);
  await page.click('#digit-player [data-do=play]');
  await page.until('document.querySelector("#digit-player output").textContent.includes("Row 28")');
});

test('the language model: the words and probabilities of rnn-lm', async (context) => {
  if (!fs.existsSync(path.join(LECTURE_MODELS, 'rnn-lm', 'model.pt'))) return context.skip('rnn-lm is not trained');
  await page.box('#language-panel');
  await page.until('document.querySelector("#lm-next tbody")');
  for (const text of ['as the proctor started the clock , the students opened their', 'the white']) {
    await page.type('#lm-text', text);
    const expected = lesson('rnn-lm', text).words;
    const shown = await bars('#lm-next');
    assert.deepEqual(shown.slice(0, 3).map(([word]) => word), expected.slice(0, 3).map(({ word }) => word), 'the most likely words');
    const known = Object.fromEntries(shown);
    for (const { word, probability } of expected) if (word in known) near(known[word], probability, `${text}: ${word}`);
  }
  await page.click('#lm-ten');
  assert.equal(await page.value('document.querySelectorAll(".token.drawn").length'), 10);
});

test('both languages have the same texts, and no text is missing', async () => {
  assert.deepEqual(Object.keys(korean).toSorted(), Object.keys(english).toSorted());
  for (const key of Object.keys(english)) {
    const values = (text) => [...new Set(text.match(/\{\w+\}/g))].toSorted();
    assert.deepEqual(values(korean[key]), values(english[key]), key);
  }
  await page.click('[data-language=ko]');
  assert.equal(await page.value('document.documentElement.lang'), 'ko');
  assert.match(await page.value('document.getElementById("lstm-title").textContent'), /주식/);
  await page.click('[data-language=en]');
});

test('every control has a name, and focus can reach it', async () => {
  const unnamed = await page.value(`[...document.querySelectorAll('button, a[href], input, select, textarea, [role=slider], svg[role=img], canvas[role=img]')]
    .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length || e.closest('label')))
    .map((e) => e.outerHTML.slice(0, 80))`);
  assert.deepEqual(unnamed, []);
});

test('a phone: nothing is wider than the screen', async () => {
  for (const language of ['en', 'ko']) {
    const phone = await browser.open(url, { width: 390, height: 844, mobile: true, dark: language === 'ko' });
    await phone.click(`[data-language=${language}]`);
    assert.equal(await phone.value('document.documentElement.scrollWidth'), 390, language);
    await phone.close();
  }
});

test('nothing was fetched, and there was no error', async () => {
  assert.deepEqual(page.errors, []);
  assert.deepEqual(page.requests.filter((request) => !request.startsWith('data:')), [url]);
});

test('times: interactive in 300 ms, a stroke answered in 16 ms', async (context) => {
  const [starts, ends, strokes] = [[], [], []];
  for (let i = 0; i < 5; i++) {
    const fresh = await browser.open(url);
    // The first panel, which is on the screen, can be used; then all panels.
    starts.push(await fresh.value('performance.getEntriesByName("panel-rnn")[0].startTime'));
    ends.push(await fresh.value('performance.getEntriesByName("panel-language")[0].startTime'));
    await drawThree(fresh);
    strokes.push(...(await fresh.value('performance.getEntriesByName("answer").slice(1).map((entry) => entry.duration)')));
    await fresh.close();
  }
  const list = (times) => times.map((time) => time.toFixed(0)).join(', ');
  context.diagnostic(`interactive after ${list(starts)} ms, with all panels after ${list(ends)} ms`);
  context.diagnostic(`answers of ${strokes.length} strokes: median ${median(strokes).toFixed(1)} ms, 90 % below ${strokes.toSorted((a, b) => a - b)[Math.floor(0.9 * strokes.length)].toFixed(1)} ms`);
  if (process.env.LECTURE_TIMES === 'report') return;
  assert.ok(Math.min(...starts) < 300, 'interactive');
  assert.ok(median(strokes) < 16, 'a stroke');
});

test('screenshots', { skip: SCREENSHOTS ? false : '--screenshots was not given' }, async () => {
  for (const [name, width, dark, language] of [['desktop', 1280, false, 'en'], ['desktop-dark', 1280, true, 'ko'], ['phone', 390, false, 'ko'], ['phone-dark', 390, true, 'en']]) {
    const shown = await browser.open(url, { width, dark });
    await shown.click(`[data-language=${language}]`);
    await shown.value('document.querySelector("nav").style.position = "static"');
    await drawThree(shown);
    await shown.box('#language-panel');
    await new Promise((resolve) => { setTimeout(resolve, 700); });
    for (const id of ['rnn', 'lstm', 'gru', 'language', 'gradients']) await shown.screenshot(path.join(SCREENSHOTS, `${name}-${id}.png`), `#${id}`);
    await shown.screenshot(path.join(SCREENSHOTS, `${name}-page.png`), 'body');
    if (name === 'desktop') { // the pictures of the docs
      await shown.screenshot(path.join(SCREENSHOTS, 'lecture-page-digit.png'), '#gru .card');
      await shown.screenshot(path.join(SCREENSHOTS, 'lecture-page-cell.png'), '#lstm .cell-columns');
    }
    await shown.close();
  }
});
