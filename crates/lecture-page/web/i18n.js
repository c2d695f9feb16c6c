// The language of the page. The texts are in text-en.js and text-ko.js, with the same keys.

import { english } from './text-en.js';
import { korean } from './text-ko.js';
import { escape, mathHtml } from './math.js';

const texts = { en: english, ko: korean };
const listeners = [];
let ready = false;
let chosen = navigator.language.startsWith('ko') ? 'ko' : 'en';

export const language = () => chosen;

/** The text of a key. `{name}` is replaced by `values.name`. */
export function t(key, values = {}) {
  const text = texts[chosen][key];
  if (text === undefined) throw new Error(`no text ${key} in ${chosen}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A text as HTML: formulas between $ signs, **bold**, `code`. Values are escaped. */
export function rich(key, values = {}) {
  const safe = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, escape(value).replaceAll('$', '&#36;')]));
  return t(key, safe)
    .replace(/\$([^$]+)\$/g, (_, formula) => mathHtml(formula))
    .replace(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
    .replace(/`([^`]+)`/g, '<code>$1</code>');
}

/** Calls a function now, if the language is set, and after each change of the language. */
export function onLanguage(listener) {
  listeners.push(listener);
  if (ready) listener();
}

/** Writes the texts of all elements with data-t, and the labels of those with data-t-label. */
export function translate(root = document) {
  for (const element of root.querySelectorAll('[data-t]')) element.innerHTML = rich(element.dataset.t);
  for (const element of root.querySelectorAll('[data-t-label]')) element.setAttribute('aria-label', t(element.dataset.tLabel));
}

export function setLanguage(name) {
  chosen = name;
  ready = true;
  document.documentElement.lang = name;
  document.title = t('title');
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === name));
  }
  translate();
  for (const listener of listeners) listener();
}
