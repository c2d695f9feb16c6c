// The notation of the equations: the slides' or torch's. One switch for all panels.

import { t } from './i18n.js';

let notation = 'slides';
const listeners = [];

export const isTorch = () => notation === 'torch';

/** Calls a function after each change of the notation. */
export function onNotation(listener) {
  listeners.push(listener);
}

/** A switch between the two notations. */
export function addNotationSwitch(element) {
  element.innerHTML = ['slides', 'torch'].map((name) => `<button type="button" data-notation="${name}"></button>`).join('');
  element.onclick = (event) => {
    if (!event.target.dataset.notation) return;
    notation = event.target.dataset.notation;
    for (const listener of listeners) listener();
  };
}

/** Writes the texts of all switches and shows which notation is chosen. */
export function drawNotationSwitches() {
  for (const button of document.querySelectorAll('[data-notation]')) {
    button.textContent = t(`notation.${button.dataset.notation}`);
    button.setAttribute('aria-pressed', String(button.dataset.notation === notation));
  }
}
