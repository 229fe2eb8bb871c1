/** @file What belongs to this browser (theme, token), and what a person does to the switchboard itself:
 * load the configuration again, change how much it logs, restart it. */
import { html, useState } from '../html.js';
import { post, send, useGet } from '../api.js';
import { theme } from '../theme.js';
import { keepToken, token, tokenRefused } from '../token.js';
import { confirm } from '../ui/dialog.js';
import { duration, plural } from '../ui/format.js';
import { Act, Choice, Command, Facts, Failure, Loading, Panel, Tag } from '../ui/parts.js';
import { doing, toast } from '../ui/toasts.js';

/** What only this browser knows. */
export function Browser() {
  return html`<${Panel} title="This browser">
    <div class="panel-body stack">
      <div class="setting"><div><h3>Theme</h3><p class="dim">How the page looks here.</p></div>
        <${Choice} label="Theme" value=${theme.value} onChange=${(/** @type {any} */ to) => (theme.value = to)} options=${[['auto', 'As the system'], ['light', 'Light'], ['dark', 'Dark']]} />
      </div>
      <div class="setting"><${TokenState} /></div>
    </div>
  <//>`;
}

function TokenState() {
  const [typed, setTyped] = useState('');
  if (token.value && !tokenRefused.value) {
    return html`<div><h3>Token <${Tag} tone="ok" text="signed in" /></h3><p class="dim">This browser may change things. Signing out forgets the token here; it stays valid.</p></div>
      <button onClick=${() => (keepToken(null), toast('ok', 'Signed out: this page may look and change nothing'))}>Sign out</button>`;
  }
  const keep = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (typed.trim()) keepToken(typed.trim());
    setTyped('');
  };
  return html`<div>
      <h3>Token ${tokenRefused.value ? html`<${Tag} tone="bad" text="refused" />` : html`<${Tag} tone="warn" text="view only" />`}</h3>
      <p class="dim">Whatever changes something needs the token. Open the page with <${Command} text="switchboard dashboard" />, or paste the token here; <code>switchboard dashboard --print</code> shows it.</p>
    </div>
    <form class="row" onSubmit=${keep}>
      <input type="password" autocomplete="off" aria-label="Token" placeholder="Token" value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)} />
      <button class="primary">Sign in</button>
    </form>`;
}

/** What of a reload is worth saying. @param {any} done */
export function reloaded(done) {
  const parts = [['added', done.added], ['removed', done.removed], ['changed', done.changed], ['adjusted', done.adjusted]];
  const said = parts.filter(([, names]) => names?.length).map(([word, names]) => `${word}: ${names.join(', ')}`);
  if (done.at_next_start?.length) said.push(`at the next start: ${done.at_next_start.join(', ')}`);
  return said.length ? said.join('; ') : `Nothing is different (${plural(done.same ?? 0, 'server')})`;
}

/** The switchboard itself. */
export function Process() {
  const { data, problem, reload } = useGet('/api/overview');
  const again = async () => {
    const done = await doing('The configuration was read again', () => post('/api/reload', {}));
    if (done) toast('ok', reloaded(done), done.warnings?.join('\n'));
    reload();
  };
  const restart = async () => {
    const agreed = await confirm({ title: 'Restart the switchboard?', text: 'Calls in flight are finished first. Clients are disconnected for a moment; this page comes back by itself.', action: 'Restart', danger: true });
    if (agreed) await doing('The switchboard restarts', () => post('/api/restart', {}));
  };
  return html`<${Panel} title="Switchboard" aside=${html`<${Act} onClick=${again}>Reload configuration<//><${Act} onClick=${restart}>Restart<//>`}>
    ${problem && html`<${Failure} problem=${problem} retry=${reload} />`}
    ${!data && !problem && html`<${Loading} />`}
    ${data && html`<div class="panel-body stack">
      ${data.configuration && html`<${Failure} problem=${{ message: data.configuration, hint: 'what was in force before still is; mend the file, then reload' }} />`}
      <${Facts} rows=${[
        ['Version', data.version],
        ['Up', duration(data.uptime_ms)],
        ['For clients', html`<${Command} text=${data.url} />`],
        ['Listens at', data.address],
        ['Process', String(data.pid)],
        ['Data folder', html`<code>${data.data}</code>`],
        ['Lines of logs dropped', String(data.log_lines_dropped)],
        ['Records dropped', String(data.records_dropped)],
      ]} />
      <${LogLevel} />
    </div>`}
  <//>`;
}

function LogLevel() {
  const { data, problem, reload } = useGet('/api/log-level');
  const set = async (/** @type {string} */ filter) => {
    await doing(`The switchboard logs from ${filter} on`, () => send('PUT', '/api/log-level', { filter }));
    reload();
  };
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  const filter = data?.filter ?? '';
  return html`<div class="setting"><div><h3>Log level</h3><p class="dim">Of the switchboard itself, until it ends. In force: <code>${filter || '…'}</code></p></div>
    <${Choice} label="Log level" value=${filter} onChange=${set} options=${['error', 'warn', 'info', 'debug', 'trace'].map((word) => [word, word])} />
  </div>`;
}
