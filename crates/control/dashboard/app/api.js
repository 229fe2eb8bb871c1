/** @file REST: requests with the token, and failures as what happened and what to do next. It keeps
 * nothing; what changes by itself comes through `live.js`. */
import { signal, useCallback, useEffect, useState } from './html.js';
import { token, tokenRefused } from './token.js';

/** Rises when the connection comes back: what was asked for before may not be true any more. */
export const comeback = signal(0);

/** A failure with a next step. */
export class Problem extends Error {
  /**
   * @param {string} title what happened and why
   * @param {{kind?: string, status?: number, hint?: string, retryable?: boolean}} [rest]
   */
  constructor(title, { kind = 'unknown', status = 0, hint = undefined, retryable = false } = {}) {
    super(title);
    this.kind = kind;
    /** 0: there was no answer. */
    this.status = status;
    this.hint = hint;
    this.retryable = retryable;
  }
}

/**
 * What a failed answer says.
 * @param {number} status
 * @param {string} body
 * @returns {Problem}
 */
export function problemOf(status, body) {
  let said;
  try {
    said = JSON.parse(body);
  } catch {
    said = null;
  }
  const title = said?.title ?? said?.error?.message ?? said?.detail;
  if (typeof title !== 'string') return new Problem(`the switchboard answered with status ${status}`, { status });
  return new Problem(title, { kind: said.kind, status, hint: said.hint, retryable: said.retryable });
}

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]
 * @property {boolean} [text] gives the body as it is
 * @property {string} [key] the same key and body have the same effect once
 */

/**
 * One request.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function send(method, path, body, options = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  const bearer = token.value;
  if (bearer) headers['authorization'] = `Bearer ${bearer}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (options.key) headers['idempotency-key'] = options.key;
  const payload = body === undefined ? null : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: payload, signal: options.signal ?? null });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem('the switchboard does not answer', { hint: 'is it running? switchboard status', retryable: true });
  }
  const text = await answer.text();
  if (answer.ok) return options.text ? text : text ? JSON.parse(text) : null;
  const problem = problemOf(answer.status, text);
  if (answer.status === 401 && bearer) tokenRefused.value = true;
  throw problem;
}

/** @param {string} path @param {Options} [options] */
export const get = (path, options) => send('GET', path, undefined, options);
/** @param {string} path @param {unknown} [body] @param {Options} [options] */
export const post = (path, body, options) => send('POST', path, body, options);

/** Objects of a body with one JSON text a line.
 * @param {string} text @returns {any[]} */
export function lines(text) {
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** A query string of what is not empty, with its question mark.
 * @param {Record<string, string|number|null|undefined>} pairs */
export function query(pairs) {
  const kept = Object.entries(pairs).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return kept.length ? `?${new URLSearchParams(kept.map(([name, value]) => [name, String(value)]))}` : '';
}

/**
 * What a path answers, asked again when the path or `version` changes.
 * @param {string|null} path none: nothing is asked
 * @param {unknown} [version]
 * @param {Options} [options]
 * @returns {{data: any, problem: Problem|null, loading: boolean, reload: () => void}}
 */
export function useGet(path, version, options = {}) {
  const [state, setState] = useState(/** @type {{path: string|null, data: any, problem: Problem|null}} */ ({ path: null, data: null, problem: null }));
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((/** @type {number} */ last) => last + 1), []);
  useEffect(() => {
    if (!path) return undefined;
    const abort = new AbortController();
    get(path, { ...options, signal: abort.signal }).then(
      (data) => setState({ path, data, problem: null }),
      (problem) => {
        if (!abort.signal.aborted) setState((/** @type {any} */ last) => ({ path, data: last.path === path ? last.data : null, problem }));
      },
    );
    return () => abort.abort();
  }, [path, version, round, token.value, comeback.value]);
  const current = state.path === path;
  return { data: current ? state.data : null, problem: current ? state.problem : null, loading: !!path && !current, reload };
}
