/** @file Lines of logs, the newest at the bottom, which is followed until somebody scrolls up. */
import { html, useLayoutEffect, useRef, useState } from '../html.js';
import { clockMs, moment, plural } from '../ui/format.js';
import { Empty } from '../ui/parts.js';

/** Lines that are drawn: what a browser scrolls without effort. */
export const SHOWN_MAX = 1000;

/** How far from the end still counts as the end, in pixels. */
const NEAR = 24;

/** Names of lines, which have none of their own. @type {WeakMap<object, number>} */
const names = new WeakMap();
let named = 0;

/** @param {object} line */
function nameOf(line) {
  const known = names.get(line);
  if (known) return known;
  named += 1;
  names.set(line, named);
  return named;
}

/**
 * @param {{rows: any[], label: string, empty: string, alone?: boolean, more?: any, hold?: boolean}} props
 * `alone`: of one server, so that its name need not be said; `hold`: nothing is followed
 */
export function LogRows({ rows, label, empty, alone = false, more, hold = false }) {
  const box = useRef(/** @type {HTMLDivElement|null} */ (null));
  const [atEnd, setAtEnd] = useState(true);
  const shown = rows.slice(-SHOWN_MAX);
  const newest = shown.at(-1);
  useLayoutEffect(() => {
    if (atEnd && !hold && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [newest, shown.length, atEnd, hold]);
  const scrolled = () => {
    const at = box.current;
    if (at) setAtEnd(at.scrollHeight - at.scrollTop - at.clientHeight < NEAR);
  };
  const toEnd = () => {
    setAtEnd(true);
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  return html`<div class="log-frame">
    <div class=${`log ${alone ? 'alone' : ''}`} ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label=${label} aria-live="off">
      ${more}
      ${rows.length > shown.length && html`<p class="log-note">${plural(rows.length - shown.length, 'older line')} not drawn; search, or download to have them all</p>`}
      ${!shown.length && html`<${Empty} title=${empty} />`}
      ${shown.map((line) => html`<${Line} key=${nameOf(line)} line=${line} alone=${alone} />`)}
    </div>
    ${!atEnd && !hold && html`<button class="to-end" onClick=${toEnd}>↓ Newest</button>`}
  </div>`;
}

/** @param {{line: any, alone: boolean}} props */
function Line({ line, alone }) {
  const level = line.level ?? 'info';
  return html`<div class="log-line" data-level=${level}>
    <time datetime=${line.at} title=${moment(line.at)}>${clockMs(line.at)}</time>
    ${!alone && html`<span class="log-server" title=${line.server}>${line.server}</span>`}
    <span class="log-level">${level}</span>
    <span class="log-text">${line.stream === 'switchboard' && html`<b>switchboard </b>`}${line.text}</span>
  </div>`;
}
