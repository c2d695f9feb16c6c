// Part 4: a language model continues a text.

import { onLanguage, rich, t, translate } from './i18n.js';
import { escape, number, percent } from './math.js';
import { embedded, LanguageModel } from './networks.js';

const $ = (id) => document.getElementById(id);
const LISTED = 10, MOST_TOKENS = 120;
const START = 'as the proctor started the clock , the students opened their';
let data, network, numbers;
let tokens = [], temperature = 1, topK = 0;

export function startLanguage(languageData) {
  data = languageData;
  if (!data) {
    onLanguage(() => { $('language-panel').innerHTML = `<div class="card"><p>${rich('lm.missing')}</p><pre>cargo run -p rnn-lm\nscripts/lecture-page.sh</pre></div>`; });
    return;
  }
  numbers = new Map(data.vocabulary.words.map((word, number) => [word, number]));
  build();
  onLanguage(() => { translate($('language-panel')); if (network) draw(); });
  // The weights are decoded when the panel is near, so that the page starts without them. They are at the end of the file.
  const watch = () => new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    load();
  }, { rootMargin: '600px' }).observe($('language-panel'));
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', watch);
  else watch();
}

/** Decodes the weights, once. */
function load() {
  if (network || document.readyState === 'loading') return;
  network = new LanguageModel(embedded('model-language'));
  setText(START);
}

function build() {
  $('language-panel').innerHTML = `<div class="card columns"><div>
<h3><label for="lm-text" data-t="lm.text"></label></h3>
<textarea id="lm-text" rows="3" spellcheck="false" autocapitalize="none">${START}</textarea>
<div id="lm-tokens" class="tokens" aria-live="polite"></div>
<p class="problem" id="lm-unknown" role="status"></p>
<div class="controls">
<label class="range"><span data-t="lm.temperature"></span><input type="range" id="lm-temperature" min="0.1" max="2" step="0.1" value="1"><output id="lm-temperature-value"></output></label>
<label class="range"><span data-t="lm.topk"></span><select id="lm-topk"><option value="0" data-t="lm.all"></option>${[100, 50, 10, 5, 2, 1].map((k) => `<option value="${k}">${k}</option>`).join('')}</select></label>
<span class="buttons"><button type="button" id="lm-one" data-t="lm.one"></button><button type="button" id="lm-ten" data-t="lm.ten"></button><button type="button" id="lm-reset" data-t="lm.reset"></button></span>
</div><p class="hint" id="lm-note"></p></div>
<div><h3 data-t="lm.next"></h3><div class="scroll" id="lm-next"></div></div></div>`;
  $('lm-text').oninput = () => setText($('lm-text').value, false);
  $('lm-temperature').oninput = () => { temperature = Number($('lm-temperature').value); draw(); };
  $('lm-topk').onchange = () => { topK = Number($('lm-topk').value); draw(); };
  $('lm-one').onclick = () => extend(1);
  $('lm-ten').onclick = () => extend(10);
  $('lm-reset').onclick = () => setText(START);
  $('lm-next').onclick = (event) => {
    const chosen = event.target.closest('[data-number]');
    if (chosen) append(Number(chosen.dataset.number));
  };
}

/** Splits a text as the lesson does: words in lower case and punctuation marks, or characters. */
export function split(text, unit) {
  if (unit === 'char') return [...text];
  return text.toLowerCase().match(/[\p{L}\p{N}_]+(?:['’-][\p{L}\p{N}_]+)*|[^\p{L}\p{N}_\s]/gu) ?? [];
}

/** Joins tokens as the lesson does: no space before a comma or after an opening bracket. */
function join(words) {
  if (data.vocabulary.unit === 'char') return words.join('');
  return words.reduce((text, word) => {
    const close = /^[,.;:!?)\]”’—]/.test(word) || /[([“‘—]$/.test(text);
    return text && !close ? `${text} ${word}` : text + word;
  }, '');
}

function setText(text, write = true) {
  load();
  tokens = split(text, data.vocabulary.unit).slice(-MOST_TOKENS).map((word) => ({ word, number: numbers.get(word) ?? 0, drawn: null }));
  if (write) $('lm-text').value = text;
  draw();
}

function append(number, share = null) {
  tokens.push({ word: data.vocabulary.words[number], number, drawn: share });
  tokens = tokens.slice(-MOST_TOKENS);
  $('lm-text').value = join(tokens.map(({ word }) => word));
  draw();
}

/** Draws words from the choices and appends them. */
function extend(count) {
  load();
  for (let i = 0; network && i < count && tokens.length; i++) {
    const choices = network.choices(tokens.map(({ number }) => number), temperature, topK);
    let rest = Math.random();
    const drawn = choices.find(({ probability }) => (rest -= probability) < 0) ?? choices.at(-1);
    tokens.push({ word: data.vocabulary.words[drawn.number], number: drawn.number, drawn: drawn.probability });
  }
  $('lm-text').value = join(tokens.map(({ word }) => word));
  draw();
}

function draw() {
  load();
  if (!network) return;
  $('lm-temperature-value').textContent = number(temperature, 1);
  $('lm-tokens').innerHTML = tokens.map(({ word, number: index, drawn }) => {
    const kind = index === 0 ? 'unknown' : drawn === null ? 'typed' : 'drawn';
    return `<span class="token ${kind}">${escape(word)}${drawn === null ? '' : `<small>${percent(drawn, 1)}</small>`}</span>`;
  }).join('');
  const unknown = [...new Set(tokens.filter(({ number: index }) => index === 0).map(({ word }) => word))];
  $('lm-unknown').textContent = unknown.length ? t('lm.unknown', { words: unknown.join(', ') }) : '';
  if (!tokens.length) { $('lm-next').innerHTML = ''; $('lm-note').textContent = t('lm.empty'); return; }
  const context = tokens.map(({ number: index }) => index);
  const shares = network.probabilities(context);
  const choices = network.choices(context, temperature, topK).slice(0, LISTED);
  const largest = Math.max(...choices.map(({ probability }) => probability));
  $('lm-next').innerHTML = `<table class="bars lm"><thead><tr><th></th><th></th><th scope="col">${t('lm.drawn')}</th><th scope="col">${t('lm.share')}</th></tr></thead><tbody>${choices.map(({ number: index, probability }) => {
    const word = data.vocabulary.words[index];
    return `<tr><th scope="row"><button type="button" class="chip" data-number="${index}">${escape(word.trim() ? word : JSON.stringify(word))}</button></th>
<td class="bar-cell"><span class="bar-fill" style="width:${(100 * probability / largest).toFixed(2)}%"></span></td><td class="bar-value">${percent(probability, 2)}</td><td class="bar-value quiet" data-exact="${shares[index]}">${percent(shares[index], 2)}</td></tr>`;
  }).join('')}</tbody></table>`;
  $('lm-note').innerHTML = rich('lm.note', { unk: percent(shares[0], 1), words: data.vocabulary.words.length, perplexity: number(data.test_perplexity, 1) });
}
