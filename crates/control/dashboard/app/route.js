/** @file Where the page is: `#/servers/alpha?view=log`. It knows no tab; `tabs.js` does. */
import { signal } from './html.js';

/** @typedef {{tab: string, rest: string[], query: Record<string, string>}} Route */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [tab = '', ...rest] = path.split('/').filter(Boolean).map(decoded);
  return { tab: tab || 'overview', rest, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * A link to a place of the page: `href('servers', 'alpha', {view: 'log'})`.
 * @param {...(string|Record<string, string|null|undefined>)} parts the last may be a query
 * @returns {string}
 */
export function href(...parts) {
  const path = parts.filter((part) => typeof part === 'string').map((part) => encodeURIComponent(String(part)));
  const last = parts.at(-1);
  const pairs = typeof last === 'object' ? Object.entries(last).filter(([, value]) => value) : [];
  const query = new URLSearchParams(/** @type {[string, string][]} */ (pairs)).toString();
  return `#/${path.join('/')}${query ? `?${query}` : ''}`;
}

/** The place that is shown. */
export const route = signal(parseRoute(globalThis.location?.hash ?? ''));

/** Goes there. @param {string} to */
export function go(to) {
  location.hash = to;
}

/** Changes the query of the place without a step in the history.
 * @param {Record<string, string|null|undefined>} query */
export function setQuery(query) {
  const { tab, rest } = route.value;
  history.replaceState(null, '', href(tab, ...rest, query));
  route.value = parseRoute(location.hash);
}
