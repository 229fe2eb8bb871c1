/** @file The configuration and the limits that are in force, to be searched. Secrets were masked before they
 * came here. */
import { html, useState } from '../html.js';
import { useGet } from '../api.js';
import { href } from '../route.js';
import { Empty, Failure, Loading, Panel, Search, Tag } from '../ui/parts.js';

/**
 * A configuration as rows of key and value; servers stand in their own tab.
 * @param {any} value
 * @param {string} [path]
 * @returns {{key: string, value: string}[]}
 */
export function flat(value, path = '') {
  const isGroup = value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isGroup) return [{ key: path, value: typeof value === 'string' ? value : JSON.stringify(value) }];
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, path ? `${path}.${name}` : name));
}

/** @param {string} text @param {...(string|null|undefined)} parts */
const fits = (text, ...parts) => parts.some((part) => part?.toLowerCase().includes(text.trim().toLowerCase()));

/** The configuration. */
export function Configuration() {
  const [text, setText] = useState('');
  const { data, problem, reload } = useGet('/api/config');
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Configuration"><${Loading} rows=${10} /><//>`;
  const { servers = {}, limits: _, ...rest } = data;
  const rows = flat(rest).filter((row) => fits(text, row.key, row.value));
  const entries = Object.entries(servers).filter(([name, entry]) => fits(text, name, entry.origin));
  return html`<div class="stack">
    <${Panel} title="In force" aside=${html`<${Search} label="Search keys and values" value=${text} onInput=${setText} />`} class="scroll">
      ${rows.length
        ? html`<table class="settings"><thead><tr><th>Key</th><th>Value</th></tr></thead>
            <tbody>${rows.map((row) => html`<tr key=${row.key}><td class="mono">${row.key}</td><td class="mono">${row.value === 'null' ? html`<span class="dim">not set</span>` : row.value}</td></tr>`)}</tbody></table>`
        : html`<${Empty} title="No key fits" />`}
    <//>
    <${Panel} title="Servers and where they are declared" class="scroll">
      <table><thead><tr><th>Server</th><th>Declared at</th><th>Standing</th></tr></thead>
        <tbody>${entries.map(([name, entry]) => html`<tr key=${name}>
          <td><a href=${href('servers', name, { view: 'config' })}>${name}</a></td><td class="mono">${entry.origin}</td>
          <td>${entry.enabled && !entry.pending && html`<span class="dim">in use</span>`}${!entry.enabled && html`<${Tag} text="disabled" />`} ${entry.pending && html`<${Tag} tone="warn" text="pending" />`}</td>
        </tr>`)}</tbody></table>
    <//>
    <p class="dim">Changed in the file, on the machine. It is read again by itself, or with Reload under General.</p>
  </div>`;
}

/** The limits. */
export function Limits() {
  const [text, setText] = useState('');
  const { data, problem, reload } = useGet('/api/limits');
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Limits"><${Loading} rows=${10} /><//>`;
  const rows = data.limits.filter((/** @type {any} */ row) => fits(text, row.name, row.what));
  return html`<${Panel} title=${`Limits (${rows.length})`} aside=${html`<${Search} label="Search limits" value=${text} onInput=${setText} />`} class="scroll">
    ${rows.length
      ? html`<table class="settings"><thead><tr><th>Key of [limits]</th><th>Value</th><th>What it bounds</th></tr></thead>
          <tbody>${rows.map((/** @type {any} */ row) => html`<tr key=${row.name}><td class="mono">${row.name}</td><td class="mono">${row.value}</td><td>${row.what}</td></tr>`)}</tbody></table>`
      : html`<${Empty} title="No limit fits" />`}
  <//>`;
}
