/** @file Settings: this browser's, and those of the switchboard as they are in force. The configuration is
 * changed in its file, on the machine; here it is read and loaded again. */
import { html } from '../html.js';
import { go, href } from '../route.js';
import { Choice } from '../ui/parts.js';
import { Audit } from './audit.js';
import { Configuration, Limits } from './in_force.js';
import { Browser, Process } from './process.js';
import { Profiles } from './profiles.js';

/** @type {[string, string][]} */
const VIEWS = [['general', 'General'], ['config', 'Configuration'], ['limits', 'Limits'], ['audit', 'Audit']];

/** The tab. @param {{query: Record<string, string>}} props */
export function Tab({ query }) {
  const view = query.view ?? 'general';
  const parts = /** @type {Record<string, any>} */ ({ config: Configuration, limits: Limits, audit: Audit });
  const Part = parts[view];
  return html`<div class="page-head"><h1>Settings</h1></div>
    <div class="row above"><${Choice} label="Part" value=${view} options=${VIEWS} onChange=${(/** @type {string} */ to) => go(href('settings', { view: to }))} /></div>
    ${Part ? html`<${Part} />` : html`<div class="stack"><${Browser} /><${Profiles} /><${Process} /></div>`}`;
}
