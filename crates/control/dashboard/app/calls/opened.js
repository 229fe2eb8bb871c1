/**
 * @file One call, opened: what was asked, how it ended, and where its time went. It deliberately shows only
 * what its record holds; arguments and results stand there only if the server's entry records them.
 */

import { useGet } from '../api.js';
import { html } from '../html.js';
import { href } from '../route.js';
import { bytes, moment, words } from '../ui/format.js';
import { Facts, Failure, Loading, Panel } from '../ui/parts.js';
import { Json } from '../tools/json.js';
import { Result } from '../tools/shown.js';
import { toneOf } from './filters.js';
import { timeline, tookText } from './timeline.js';

/** @typedef {import('./filters.js').Call} Call */

/**
 * @param {{id: string, known?: Call, back: string}} props
 */
export function Opened({ id, known, back }) {
  const said = useGet(`/api/records/${encodeURIComponent(id)}`);
  /** @type {Call|undefined} */
  const call = said.data ?? known;
  if (!call) return said.problem ? html`<p class="split-back"><a href=${back}>‹ All calls</a></p><${Failure} problem=${said.problem} retry=${said.reload} />` : html`<${Loading} />`;
  return html`
    <p class="split-back"><a href=${back}>‹ All calls</a></p>
    <header class="detail-head">
      <h2 class="mono">${call.name ?? call.method}</h2>
      <p class="tags">
        <span class="state" data-tone=${toneOf(call.outcome)}>${words(call.outcome)}</span>
        <span class="dim">${tookText(call.total_us)} · ${moment(call.at)}</span>
      </p>
      ${call.cause && html`<p class="cause">${call.cause}</p>`}
    </header>
    <${Timeline} call=${call} />
    <${Panel} title="About"><div class="panel-body"><${Facts} rows=${facts(call)} /></div><//>
    <${Payload} title="Arguments" of=${call.arguments} />
    <${Payload} title="Result" of=${call.result} />
  `;
}

/**
 * @param {Call} call
 * @returns {[string, any][]}
 */
function facts(call) {
  const { server, name } = call;
  const eras = [call.client_era, call.server_era].filter((era) => era && era !== '-');
  return [
    ['Server', server && html`<a href=${href('servers', server)}>${server}</a>`],
    ['Tool', server && name && call.method === 'tools/call' ? html`<a href=${href('tools', `${server}.${name}`)}>${name}</a>` : name],
    ['Method', html`<span class="mono">${call.method}</span>`],
    ['Who', call.principal],
    ['Asked', bytes(call.bytes_in)],
    ['Answered', `${bytes(call.bytes_out)}${call.cached ? ', a kept result' : ''}`],
    ['Protocol', eras.length === 2 ? `client ${eras[0]}, server ${eras[1]}` : eras[0]],
    ['Trace', call.trace_id && html`<span class="mono">${call.trace_id}</span>`],
    ['Record', html`<span class="mono">${call.id}</span>`],
  ];
}

/** @param {{call: Call}} props */
function Timeline({ call }) {
  const { bars, ticks, total_us: total, longest } = timeline(call);
  const most = bars.find((bar) => bar.stage === longest);
  const aside = most && html`<span class="dim">${most.share >= 1 ? `${Math.round(most.share)} % in ${most.stage}` : ''}</span>`;
  if (bars.length === 0) return html`<${Panel} title="Where the time went"><p class="dim panel-body">Its stages were not recorded; it took ${tookText(total)} in all.</p><//>`;
  return html`<${Panel} title="Where the time went" aside=${aside}><div class="panel-body">
    <ol class="timeline" aria-label="Stages of the call">
      ${bars.map(
        (bar) => html`<li key=${bar.stage} class=${bar.stage === longest ? 'longest' : ''}>
          <span class="timeline-name" title=${bar.says}>${bar.stage}</span>
          <svg class="timeline-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="timeline-rail" x="0" y="4.5" width="100" height="1" /><rect class=${`timeline-fill stage-${bar.stage}`} x=${bar.left} y="1" width=${bar.width} height="8" /></svg>
          <span class="timeline-took">${tookText(bar.us)}</span>
          <span class="timeline-says dim">${bar.says}</span>
        </li>`,
      )}
    </ol>
    <div class="timeline-foot" aria-hidden="true"><svg class="timeline-axis" viewBox="0 0 100 10" preserveAspectRatio="none">${ticks.map((tick) => html`<rect x=${tick.left} y="0" width="0.2" height="10" />`)}</svg>
    <p class="timeline-ends dim"><span>0</span><span>${tookText(total)}</span></p></div>
  </div><//>`;
}

/** @param {{title: string, of: any}} props */
function Payload({ title, of }) {
  if (of === undefined || of === null) return null;
  // Where they are not recorded, only their kind and size are told.
  if (typeof of.type === 'string' && typeof of.bytes === 'number' && Object.keys(of).length === 2) {
    return html`<${Panel} title=${title}><p class="dim panel-body">${of.type}, ${bytes(of.bytes)}. Not recorded: set <code>record_arguments</code> for the server to keep them.</p><//>`;
  }
  return html`<${Panel} title=${title}><div class="panel-body">${Array.isArray(of.content) ? html`<${Result} result=${of} />` : html`<${Json} value=${of} />`}</div><//>`;
}
