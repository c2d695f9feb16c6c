// Formulas. In the source they are short text: "h_t = \tanh(W_{ih} x_t)". An index is _x or _{..}, a power ^x or ^{..},
// a tilde ~C, a hat ^^y. Single letters are italic; a word after a backslash is upright.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escape = (text) => String(text).replace(/[&<>"]/g, (character) => escapes[character]);

/** Splits a formula into pieces: { text, level, italic, span }. Level 0 is the line, -1 an index, 1 a power. */
function parse(formula) {
  const pieces = [];
  const add = (text, level) => {
    const parts = text.match(/\\[a-z]+|~.|\^\^.|[A-Za-z]|[^A-Za-z\\~^]+/g) ?? [];
    for (const part of parts) {
      if (part.startsWith('\\')) pieces.push({ text: part.slice(1), level });
      else if (part.startsWith('~')) pieces.push({ text: `${part[1]}\u0303`, level, italic: true });
      else if (part.startsWith('^^')) pieces.push({ text: `${part[2]}\u0302`, level, italic: true });
      else pieces.push({ text: part, level, italic: /^[A-Za-z]$/.test(part) });
    }
  };
  const pattern = /([_^])(?:\{([^}]*)\}|([^\s^]))/y;
  let plain = '';
  for (let at = 0; at < formula.length;) {
    pattern.lastIndex = at;
    const found = formula.startsWith('^^', at) ? null : pattern.exec(formula);
    if (found) {
      add(plain, 0);
      plain = '';
      add(found[2] ?? found[3], found[1] === '_' ? -1 : 1);
      at = pattern.lastIndex;
    } else {
      const length = formula.startsWith('^^', at) ? 3 : 1;
      plain += formula.slice(at, at + length);
      at += length;
    }
  }
  add(plain, 0);
  for (const piece of pieces) piece.text = piece.text.replaceAll('-', '\u2212');
  return pieces;
}

/** A formula as HTML. */
export function mathHtml(formula) {
  const html = parse(formula).map(({ text, level, italic }) => {
    const inner = italic ? `<i>${escape(text)}</i>` : escape(text);
    return level === 0 ? inner : level < 0 ? `<sub>${inner}</sub>` : `<sup>${inner}</sup>`;
  });
  return `<span class="math">${html.join('')}</span>`;
}

/** A formula as the content of an SVG text. Sizes are relative, so that CSS can set the size of the text. */
export function mathSvg(formula) {
  const small = 0.72;
  let level = 0;
  const parts = parse(formula).map((piece) => {
    const shift = 0.3 * (level - piece.level) / (piece.level ? small : 1);
    level = piece.level;
    const attributes = [
      shift ? `dy="${shift.toFixed(3)}em"` : '',
      piece.level ? `font-size="${100 * small}%"` : '',
      piece.italic ? 'font-style="italic"' : '',
    ].filter(Boolean).join(' ');
    return attributes ? `<tspan ${attributes}>${escape(piece.text)}</tspan>` : escape(piece.text);
  });
  if (level) parts.push(`<tspan dy="${(0.3 * level).toFixed(3)}em">\u200b</tspan>`); // back to the line, for the text that follows
  return parts.join('');
}

/** A number with a minus sign instead of a hyphen. */
export function number(value, digits = 2) {
  const text = value.toFixed(digits);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text.replace('-', '\u2212');
}

/** A share as a percentage. */
export function percent(share, digits = share > 0 && (share < 0.0995 || share > 0.9) ? 1 : 0) {
  if (share > 0.9995 && share < 1) digits = Math.max(digits, 2);
  return `${(100 * share).toFixed(digits)}\u00a0%`;
}
