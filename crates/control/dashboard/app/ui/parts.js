/** @file The small parts that every tab is made of: states, buttons, and what is shown where there is
 * nothing, not yet something, or a failure. */
import { html, useState } from '../html.js';
import { connection } from '../store.js';
import { clock, tone, words } from './format.js';
import { toast } from './toasts.js';

/** A state or a level, with a colour and a shape that say the same. @param {{word: string, title?: string}} props */
export function State({ word, title }) {
  return html`<span class="state" data-tone=${tone(word)} title=${title ?? ''}>${words(word)}</span>`;
}

/** @param {{text: string, title?: string, tone?: string}} props */
export function Tag({ text, title, tone: look }) {
  return html`<span class="tag" data-tone=${look ?? 'idle'} title=${title ?? ''}>${text}</span>`;
}

/** An icon of one stroke. @param {{path: string}} props */
export function Icon({ path }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`;
}

/**
 * A button that is busy until what it began is done.
 * @param {{onClick: () => any, children?: any, class?: string, disabled?: boolean, title?: string, label?: string}} props
 */
export function Act({ onClick, children, class: look, disabled, title, label }) {
  const [busy, setBusy] = useState(false);
  const press = async () => {
    setBusy(true);
    try {
      await onClick();
    } finally {
      setBusy(false);
    }
  };
  return html`<button class=${look ?? ''} disabled=${disabled || busy} aria-busy=${busy} title=${title ?? ''} aria-label=${label} onClick=${press}>
    ${children}
  </button>`;
}

/** Nothing there, and what to do about it. @param {{title: string, children?: any}} props */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children && html`<div>${children}</div>`}</div>`;
}

/** Rows that are on their way. @param {{rows?: number}} props */
export function Loading({ rows = 3 }) {
  return html`<div class="loading" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, index) => html`<span key=${index} class="bone"></span>`)}
  </div>`;
}

/** What has not come yet, and why it may not come. @param {{rows?: number}} props */
export function Waiting({ rows = 6 }) {
  if (connection.value.state !== 'stale') return html`<${Loading} rows=${rows} />`;
  return html`<${Empty} title="The switchboard does not answer">This page tries again by itself. In a terminal: <${Command} text="switchboard status" /><//>`;
}

/** What went wrong, and the next step. @param {{problem: any, retry?: () => void}} props */
export function Failure({ problem, retry }) {
  return html`<div class="failure" role="alert">
    <p>${problem.message}</p>
    ${problem.hint && html`<p class="hint">${problem.hint}</p>`}
    ${retry && html`<button onClick=${retry}>Try again</button>`}
  </div>`;
}

/** A box with a heading. @param {{title?: string, aside?: any, children?: any, class?: string, label?: string}} props */
export function Panel({ title, aside, children, class: look, label }) {
  // What scrolls must be reached by the keyboard, too.
  const scrolls = look?.includes('scroll');
  return html`<section class=${`panel ${look ?? ''}`} aria-label=${title ?? label} tabindex=${scrolls ? 0 : undefined}>
    ${title && html`<header class="panel-head"><h2>${title}</h2>${aside && html`<div class="row">${aside}</div>`}</header>`}
    ${children}
  </section>`;
}

const COPY = 'M9 9h11v11H9zM5 15H4V4h11v1';

/** A command that a person types, with a button that copies it. @param {{text: string}} props */
export function Command({ text }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast('ok', 'Copied');
    } catch {
      toast('bad', 'The browser did not let the page copy', 'select the text and copy it by hand');
    }
  };
  return html`<span class="command"><code>${text}</code><button class="quiet" aria-label=${`Copy: ${text}`} title="Copy" onClick=${copy}><${Icon} path=${COPY} /></button></span>`;
}

/** Names and values; a third member makes room for a long one. @param {{rows: [string, any, boolean?][]}} props */
export function Facts({ rows }) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return html`<dl class="facts">${known.map(([name, value, wide]) => html`<div key=${name} class=${wide ? 'wide' : undefined}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** One choice of several, as buttons. @param {{label: string, value: string, options: [string, string][], onChange: (value: string) => void}} props */
export function Choice({ label, value, options, onChange }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${options.map(
      ([id, text]) => html`<button key=${id} aria-pressed=${String(id === value)} onClick=${() => onChange(id)}>${text}</button>`,
    )}
  </div>`;
}

/** A search field. @param {{label: string, value: string, onInput: (value: string) => void}} props */
export function Search({ label, value, onInput }) {
  return html`<input
    class="search" type="search" placeholder=${label} aria-label=${label} value=${value}
    onInput=${(/** @type {any} */ event) => onInput(event.currentTarget.value)} />`;
}

/** Says that what is shown may be old; nothing while it is live. */
export function StaleNote() {
  const { state, since } = connection.value;
  if (state !== 'polling' && state !== 'stale') return null;
  return html`<span class="stale-note">as of ${clock(since)}</span>`;
}
