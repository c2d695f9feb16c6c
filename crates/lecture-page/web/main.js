// Starts the page: the module, the models, the panels, the language and the theme.

import { language, setLanguage, t, translate } from './i18n.js';
import { embedded, start, MnistNn, StockRnn, TextRnn } from './networks.js';
import { startText, drawText } from './panel-text.js';
import { startStock, drawStock } from './panel-stock.js';
import { answer, drawAll, startDigit } from './panel-digit.js';
import { startLanguage } from './panel-language.js';
import { startGradients } from './panel-gradients.js';

const data = JSON.parse(document.getElementById('data').textContent);

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  const dark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  for (const button of document.querySelectorAll('[data-theme-choice]')) {
    button.setAttribute('aria-pressed', String((button.dataset.themeChoice === 'dark') === dark));
  }
}

/** Draws again what has colours in its pixels. */
function redraw() {
  drawText();
  drawStock();
  drawAll();
}

/** Lets the browser draw and handle events. */
const pause = () => new Promise((resolve) => { setTimeout(resolve); });

/** The panels in their order on the page. Each starts in a task of its own, so that the first can be used at once. */
const panels = [
  ['rnn', () => startText(new TextRnn(embedded('model-text')), data.text)],
  ['lstm', () => startStock(new StockRnn(embedded('model-stock'), data.stock.scaler, data.stock.days), data.stock)],
  ['gru', () => { startDigit(new MnistNn(embedded('model-digit'))); answer(); }],
  ['gradients', () => startGradients(data)],
  ['language', () => startLanguage(data.language)],
];

async function main() {
  setTheme(null);
  setLanguage(language());
  for (const button of document.querySelectorAll('[data-language]')) button.onclick = () => setLanguage(button.dataset.language);
  for (const button of document.querySelectorAll('[data-theme-choice]')) {
    button.onclick = () => { setTheme(button.dataset.themeChoice); redraw(); };
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { setTheme(document.documentElement.dataset.theme); redraw(); });
  await start(embedded('wasm'));
  for (const [id, startPanel] of panels) {
    startPanel();
    translate(document.getElementById(id));
    performance.mark(`panel-${id}`);
    await pause();
  }
  document.documentElement.dataset.ready = 'true';
}

main().catch((error) => {
  const failure = document.getElementById('failure');
  failure.hidden = false;
  failure.textContent = `${t('failure')} ${error.message}`;
  throw error;
});
