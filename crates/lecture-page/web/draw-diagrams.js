// Writes the diagrams as SVG files: node crates/lecture-page/web/draw-diagrams.js FOLDER [--check]
//
// With --check it compares the files in the folder and writes nothing.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gruCell, lstmCell, unrolledRnn } from './diagrams.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const css = fs.readFileSync(path.join(here, 'style.css'), 'utf8');

/** The colours and the rules of the diagrams, from the page's own style. */
function style() {
  const colors = css.slice(0, css.indexOf('/* The same, chosen by the switch. */'));
  const rules = css.slice(css.indexOf('/* Diagrams */'), css.indexOf('/* End of the diagrams */'));
  return `${colors}${rules}svg.diagram { font-family: -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif; }`.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\s+/g, ' ');
}

/** A diagram that stands alone: with its style, its size and a background. */
function standalone(svg) {
  const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/);
  return svg
    .replace('<svg ', `<svg width="${width}" height="${height}" `)
    .replace('<defs>', `<style>${style()}</style><rect width="100%" height="100%" style="fill:var(--card)"/><defs>`)
    .concat('\n');
}

const steps = [1, 2, 3].map(() => ({ label: '' }));
const files = {
  'unrolled-rnn.svg': unrolledRnn({ title: 'The unrolled RNN: every step uses the same weights', steps, labels: { output: '^^y' } }),
  'lstm-cell.svg': lstmCell({ title: 'The LSTM cell: forget gate, input gate, candidate, output gate' }),
  'gru-cell.svg': gruCell({ title: 'The GRU cell: reset gate, update gate, candidate' }),
};

const [folder, check] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node draw-diagrams.js FOLDER [--check]');
  process.exit(2);
}
for (const [name, svg] of Object.entries(files)) {
  const file = path.join(folder, name);
  if (check !== '--check') {
    fs.writeFileSync(file, standalone(svg));
    console.log(file);
  } else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== standalone(svg)) {
    console.error(`${file} differs from what diagrams.js draws; write it again: node crates/lecture-page/web/draw-diagrams.js docs`);
    process.exitCode = 1;
  }
}
