/** @file What needs what: servers, and the services that they depend on, as a graph. Who needs whom stands
 * in the configuration; how they are comes from the servers and the daemon's status. */
import { html } from '../html.js';
import { useGet } from '../api.js';
import { href } from '../route.js';
import { Graph } from '../ui/graph.js';
import { Empty, Failure, Loading, Panel, State } from '../ui/parts.js';

/**
 * The graph: an edge goes from what needs to what is needed.
 * @param {any[]} servers
 * @param {any} config
 * @param {any[]} services their states
 */
export function dependencyGraph(servers, config, services) {
  const nodes = new Map();
  /** @type {{from: string, to: string}[]} */
  const edges = [];
  const states = new Map(services.map((service) => [service.name, service]));
  const known = new Map(servers.map((server) => [server.name, server]));
  const node = (/** @type {string} */ name) => {
    const server = known.get(name);
    if (server) return { id: name, title: name, note: server.state.replaceAll('_', ' '), word: server.state, href: href('servers', name) };
    const service = states.get(name);
    return { id: name, title: name, note: [service?.kind ?? 'service', service?.state].filter(Boolean).join(', '), word: service?.state, dashed: true };
  };
  const entries = [...Object.entries(config.services ?? {}), ...Object.entries(config.servers ?? {})];
  for (const [name, entry] of entries) {
    for (const needed of entry.depends_on ?? []) {
      for (const one of [name, needed]) nodes.set(one, node(one));
      edges.push({ from: name, to: needed });
    }
  }
  return { nodes: [...nodes.values()], edges };
}

/** @param {{servers: any[]}} props */
export function Dependencies({ servers }) {
  const config = useGet('/api/config');
  const status = useGet('/api/overview', servers.map((server) => server.state).join());
  const problem = config.problem ?? status.problem;
  if (problem) return html`<${Failure} problem=${problem} retry=${() => (config.reload(), status.reload())} />`;
  if (!config.data) return html`<${Panel} label="Dependencies"><${Loading} /><//>`;
  const services = status.data?.services ?? [];
  const { nodes, edges } = dependencyGraph(servers, config.data, services);
  if (!edges.length) {
    return html`<${Panel} label="Dependencies"><${Empty} title="No server depends on anything">Say what a server needs in its entry: <code>depends_on = ["db"]</code><//><//>`;
  }
  return html`<div class="stack">
    <${Panel} title="What needs what" aside=${html`<span class="dim">boxes with broken lines are services</span>`}>
      <${Graph} nodes=${nodes} edges=${edges} label="Dependencies of servers" />
    <//>
    ${services.length > 0 && html`<${Panel} title="Services"><${Services} services=${services} /><//>`}
  </div>`;
}

/** @param {{services: any[]}} props */
function Services({ services }) {
  return html`<table>
    <thead><tr><th>Service</th><th>State</th><th>Why</th><th>Needed by</th></tr></thead>
    <tbody>
      ${services.map(
        (service) => html`<tr key=${service.name}>
          <td>${service.name} <span class="dim">${service.kind}</span></td>
          <td><${State} word=${service.state} /></td>
          <td>${service.reason ?? html`<span class="dim">–</span>`}${service.hint && html`<p class="dim">${service.hint}</p>`}</td>
          <td class="dim">${service.needed_by.join(', ') || 'nobody now'}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}
