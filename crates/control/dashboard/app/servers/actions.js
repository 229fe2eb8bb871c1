/** @file What may be done to a server in the state that it is in. What needs this machine (approving a
 * command) has no button: its row says the command to type. */
import { html } from '../html.js';
import { post } from '../api.js';
import { live } from '../store.js';
import { confirm } from '../ui/dialog.js';
import { plural } from '../ui/format.js';
import { Act } from '../ui/parts.js';
import { doing } from '../ui/toasts.js';

/** @typedef {'start'|'stop'|'restart'|'enable'|'disable'} Deed */

/** @type {Record<Deed, {label: string, done: string}>} */
const DEEDS = {
  start: { label: 'Start', done: 'is started' },
  stop: { label: 'Stop', done: 'is stopped' },
  restart: { label: 'Restart', done: 'is restarted' },
  enable: { label: 'Enable', done: 'is enabled' },
  disable: { label: 'Disable', done: 'is disabled' },
};

/**
 * What makes sense in a state.
 * @param {string} state
 * @returns {Deed[]}
 */
export function deeds(state) {
  switch (state) {
    case 'disabled':
      return ['enable'];
    case 'pending':
      return [];
    case 'stopped':
    case 'asleep':
      return ['start', ...(state === 'asleep' ? /** @type {Deed[]} */ (['stop']) : []), 'disable'];
    case 'failed':
    case 'crash_loop':
    case 'backoff':
      return ['restart', 'stop', 'disable'];
    case 'stopping':
    case 'draining':
      return ['disable'];
    default:
      return ['restart', 'stop', 'disable'];
  }
}

/** @param {any} server @param {Deed} deed */
async function agreed(server, deed) {
  const calls = server.in_flight ?? 0;
  if (deed === 'disable') {
    return confirm({ title: `Disable ${server.name}?`, text: 'It is stopped, its tools are not offered any more, and it stays so after a restart until somebody enables it.', action: 'Disable', danger: true });
  }
  if ((deed === 'stop' || deed === 'restart') && calls > 0) {
    return confirm({ title: `${DEEDS[deed].label} ${server.name}?`, text: `It works on ${plural(calls, 'call')} now; they are finished first, as long as they take no longer than the stop timeout.`, action: DEEDS[deed].label, danger: deed === 'stop' });
  }
  return true;
}

/** `brief`: without what is done seldom. @param {{server: any, brief?: boolean}} props */
export function Actions({ server, brief = false }) {
  const run = async (/** @type {Deed} */ deed) => {
    if (!(await agreed(server, deed))) return;
    await doing(`${server.name} ${DEEDS[deed].done}`, () => post(`/api/servers/${encodeURIComponent(server.name)}/${deed}`, {}));
    if (!live.open) await live.refresh().catch(() => undefined);
  };
  return html`<div class="row deeds" role="group" aria-label=${`Actions on ${server.name}`}>
    ${deeds(server.state).filter((deed) => !brief || deed !== 'disable').map(
      (deed) => html`<${Act} key=${deed} class=${deed === 'disable' ? 'small quiet' : 'small'} label=${`${DEEDS[deed].label} ${server.name}`} onClick=${() => run(deed)}>${DEEDS[deed].label}<//>`,
    )}
  </div>`;
}
