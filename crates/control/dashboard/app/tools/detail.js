/**
 * @file One tool: what it says of itself, a form to run it, its last result, and the call to copy. It
 * deliberately runs only what a person has pressed for; what destroys is asked about first.
 */

import { Problem, post } from '../api.js';
import { html, useEffect, useMemo, useRef, useState } from '../html.js';
import { href } from '../route.js';
import { confirm } from '../ui/dialog.js';
import { bytes as bytesText, plural } from '../ui/format.js';
import { Failure, Panel, Tag } from '../ui/parts.js';
import { Copy } from './copy.js';
import { tookText } from '../calls/timeline.js';
import { visible } from './diff.js';
import { begun, collected, draftOf, parsed } from './draft.js';
import { asksFirst, callName, effectOf } from './find.js';
import { Fields } from './form.js';
import { Json } from './json.js';
import { fieldsOf } from './schema.js';
import { Result } from './shown.js';
import { asCli, asCurl, asPython } from './snippets.js';

/** @typedef {import('./find.js').Tool} Tool */
/** @typedef {{state: 'running', at: number}|{state: 'done', took: number, result: any, bytes: number}|{state: 'failed', took: number, problem: Problem}|null} Run */

/**
 * @param {{tool: Tool, price?: number, estimated?: boolean}} props
 */
export function Detail({ tool, price, estimated }) {
  const { definition } = tool;
  return html`
    <p class="split-back"><a href=${href('tools')}>‹ All tools</a></p>
    <header class="detail-head">
      <h2 class="mono">${callName(tool)}</h2>
      <p class="tags">
        <a class="tag" href=${href('servers', tool.server)}>${tool.server}</a>
        <${Effect} tool=${tool} />
        ${price !== undefined && html`<${Tag} text=${`${plural(price, 'token')}${estimated ? ', estimated' : ''}`} title="What its definition costs in every list of tools" />`}
        ${tool.unapproved && html`<a class="tag" data-tone="warn" href=${href('tools', 'changes')}>${tool.unapproved}, waits for approval</a>`}
        ${tool.name === null && html`<${Tag} text="hidden: another tool has its name" tone="warn" />`}
      </p>
      ${definition.title && definition.title !== tool.own && html`<p><b>${definition.title}</b></p>`}
      <p class="prose">${visible(definition.description || 'It has no description.')}</p>
    </header>
    <${Runner} tool=${tool} />
    <${Panel} title="Definition"><div class="panel-body"><${Json} value=${definition} open=${2} /></div><//>
  `;
}

/** @param {{tool: Tool}} props */
function Effect({ tool }) {
  const effect = effectOf(tool);
  const hints = tool.definition.annotations ?? {};
  const words = { reads: 'reads', writes: 'writes', destroys: 'destroys', unsaid: 'effect unsaid' }[effect];
  return html`
    <span class="tag" title="As its server says"><span class="effect" data-effect=${effect}></span>${words}</span>
    ${hints.idempotentHint === true && html`<${Tag} text="idempotent" title="As its server says" />`}
    ${hints.openWorldHint === true && html`<${Tag} text="reaches outside" title="As its server says" />`}
  `;
}

/**
 * What is written into the form or as JSON, and the arguments it makes.
 * @param {Tool} tool
 */
function useArguments(tool) {
  const form = useMemo(() => fieldsOf(tool.definition.inputSchema), [tool.definition]);
  const [draft, setDraft] = useState(() => begun(form));
  const [raw, setRaw] = useState(/** @type {string|null} */ (null));
  const [says, setSays] = useState('');
  const made = useMemo(() => {
    if (raw === null) return collected(form, draft);
    const { value, says: wrong } = parsed(raw.trim() === '' ? '{}' : raw);
    const fine = wrong === undefined && typeof value === 'object' && value !== null && !Array.isArray(value);
    return { value: fine ? value : {}, troubles: fine ? [] : [{ path: '', says: wrong ?? 'is not an object' }] };
  }, [form, draft, raw]);
  const toRaw = () => setRaw(JSON.stringify(made.value ?? {}, null, 2));
  const toForm = () => {
    const back = made.troubles.length === 0 ? draftOf(form, made.value) : undefined;
    setSays(back === undefined ? 'The form cannot show these arguments: they stay JSON.' : '');
    if (back === undefined) return;
    setDraft(back);
    setRaw(null);
  };
  return { form, draft, setDraft, raw, setRaw, made, says, toRaw, toForm };
}

/** @param {{tool: Tool}} props */
function Runner({ tool }) {
  const args = useArguments(tool);
  const [checked, setChecked] = useState(false);
  const [run, start, stop] = useRun(tool);
  const { value, troubles } = args.made;
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setChecked(true);
    if (troubles.length > 0) return;
    if (asksFirst(tool) && !(await confirm({ title: `Run ${callName(tool)}?`, text: 'Its server says that it destroys or overwrites things.', action: 'Run it', danger: true }))) return;
    await start(value);
  };
  const running = run?.state === 'running';
  return html`<form class="panel runner" onSubmit=${submit} noValidate>
    <div class="panel-head">
      <h2>Run</h2>
      <div class="choice" role="group" aria-label="How to write the arguments">
        <button type="button" aria-pressed=${String(args.raw === null)} onClick=${args.raw === null ? undefined : args.toForm}>Form</button>
        <button type="button" aria-pressed=${String(args.raw !== null)} onClick=${args.raw === null ? args.toRaw : undefined}>JSON</button>
      </div>
    </div>
    <div class="runner-body">
    ${args.says && html`<p class="field-wrong" role="status">${args.says}</p>`}
    ${args.raw === null
      ? html`<${Fields} form=${args.form} draft=${args.draft} change=${args.setDraft} troubles=${checked ? troubles : []} />`
      : html`<textarea class="mono" rows="10" spellcheck=${false} aria-label="Arguments as JSON" value=${args.raw}
          onInput=${(/** @type {any} */ event) => args.setRaw(event.currentTarget.value)}></textarea>`}
    ${checked && troubles.length > 0 &&
    html`<p class="field-wrong" role="alert">${troubles.map((one) => `${one.path || 'The JSON'} ${one.says}`).join('; ')}</p>`}
    <div class="row">
      <button type="submit" class=${asksFirst(tool) ? 'danger' : 'primary'} disabled=${running}>${running ? 'Running …' : 'Run'}</button>
      ${running && html`<button type="button" onClick=${stop}>Cancel</button>`}
      <span class="grow"></span>
      <${Copies} tool=${tool} args=${value} />
    </div>
    </div>
    <${Outcome} run=${run} />
  </form>`;
}

/** @param {{tool: Tool, args: any}} props */
function Copies({ tool, args }) {
  const call = { name: callName(tool), args: args ?? {}, origin: location.origin };
  return html`<span class="copies" role="group" aria-label="Copy this call">
    <${Copy} label="curl" text=${() => asCurl(call)} /> <${Copy} label="CLI" text=${() => asCli(call)} /> <${Copy} label="Python" text=${() => asPython(call)} />
  </span>`;
}

/**
 * The call that runs, or the last one.
 * @param {Tool} tool
 * @returns {[Run, (args: any) => Promise<void>, () => void]}
 */
function useRun(tool) {
  const [run, setRun] = useState(/** @type {Run} */ (null));
  const abort = useRef(/** @type {AbortController|null} */ (null));
  useEffect(() => () => abort.current?.abort(), []);
  const start = async (/** @type {any} */ args) => {
    const own = new AbortController();
    abort.current = own;
    const from = performance.now();
    setRun({ state: 'running', at: from });
    try {
      const said = await post('/api/call', { name: callName(tool), arguments: args }, { signal: own.signal, text: true });
      const bytes = new TextEncoder().encode(said).length;
      setRun({ state: 'done', took: performance.now() - from, result: JSON.parse(said), bytes });
    } catch (error) {
      if (own.signal.aborted && abort.current !== own) return;
      const problem = own.signal.aborted ? new Problem('cancelled', { hint: 'the server may have done it all the same' }) : error;
      setRun({ state: 'failed', took: performance.now() - from, problem: /** @type {Problem} */ (problem) });
    }
  };
  return [run, start, () => abort.current?.abort()];
}

/** @param {{run: Run}} props */
function Outcome({ run }) {
  if (run === null) return null;
  if (run.state === 'running') return html`<p class="outcome" role="status"><span class="spinner"></span> Running …</p>`;
  const took = tookText(run.took * 1000);
  if (run.state === 'failed') {
    return html`<div class="outcome" role="status"><p class="dim">after ${took}</p><${Failure} problem=${run.problem} /></div>`;
  }
  const failed = run.result?.isError === true;
  return html`<div class="outcome" data-outcome=${failed ? 'tool_error' : 'ok'}>
    <p role="status"><${Tag} text=${failed ? 'the tool failed' : 'done'} tone=${failed ? 'bad' : 'ok'} />
      <span class="dim"> ${took} · ${bytesText(run.bytes)} · <a href=${href('calls')}>see it in Calls</a></span></p>
    <${Result} result=${run.result} />
  </div>`;
}
