/** @file The checks of a server's health: the last ones as bars, their numbers, and those that were not good. */
import { html } from '../html.js';
import { useGet } from '../api.js';
import { clock, millis, moment, plural, tone } from '../ui/format.js';
import { Empty, Facts, Failure, Loading, Panel, State } from '../ui/parts.js';

const HEIGHT = 56;
const BAR = 8;

/** @param {{server: any}} props */
export function Checks({ server }) {
  const { data, problem, reload } = useGet(`/api/health/${encodeURIComponent(server.name)}`, `${server.state} ${server.health}`);
  if (problem) return html`<${Failure} problem=${problem} retry=${reload} />`;
  if (!data) return html`<${Panel} label="Health"><${Loading} /><//>`;
  const { server: said, history } = data;
  const bad = history.filter((/** @type {any} */ check) => check.result !== 'good').toReversed();
  return html`<div class="stack">
    <${Panel} title="Health" aside=${html`<button class="small" onClick=${reload}>Ask again</button>`}>
      <div class="panel-body stack">
        <p class="row"><${State} word=${said.level} />${said.reason}</p>
        ${said.action && html`<p class="dim">${said.action}</p>`}
        ${history.length ? html`<${Bars} history=${history} />` : html`<${Empty} title="It was not checked yet">A server is checked while it is ready, each ${'health.interval'}.<//>`}
        <${Facts} rows=${[
          ['Checked by', said.check],
          ['Last check', said.checked && moment(said.checked)],
          ['Last answer', said.response_ms === null ? null : millis(said.response_ms)],
          ['p50, p95, p99', said.p50_ms === null ? null : [said.p50_ms, said.p95_ms, said.p99_ms].map(millis).join(', ')],
          ['Remembered', `${plural(said.checks, 'check')}: ${said.good} good, ${said.slow} slow, ${said.failed} failed`],
          ['Recoveries', String(said.recoveries)],
        ]} />
      </div>
    <//>
    ${bad.length > 0 && html`<${Panel} title="Checks that were not good" class="scroll">
      <table>
        <thead><tr><th>When</th><th>Result</th><th class="number">Took</th><th>Why</th></tr></thead>
        <tbody>
          ${bad.map(
            (/** @type {any} */ check) => html`<tr key=${check.at}><td class="mono">${clock(check.at)}</td><td><${State} word=${check.result} /></td><td class="number">${millis(check.took_ms)}</td><td>${check.why ?? ''}</td></tr>`,
          )}
        </tbody>
      </table>
    <//>`}
  </div>`;
}

/** @param {{history: any[]}} props */
function Bars({ history }) {
  const most = Math.max(...history.map((check) => check.took_ms), 1);
  const good = history.filter((check) => check.result === 'good').length;
  return html`<div class="bars-scroll"><svg class="check-bars" width=${history.length * BAR} height=${HEIGHT} role="img" aria-label=${`${good} of the last ${plural(history.length, 'check')} were good`}>
    ${history.map((check, index) => {
      const failed = tone(check.result) === 'bad';
      const height = failed ? HEIGHT : Math.max(4, (check.took_ms / most) * HEIGHT);
      return html`<rect key=${check.at} data-tone=${tone(check.result)} x=${index * BAR} y=${HEIGHT - height} width=${BAR - 2} height=${height} rx="1"><title>${`${clock(check.at)}: ${check.result}, ${millis(check.took_ms)}`}</title></rect>`;
    })}
  </svg></div>`;
}
