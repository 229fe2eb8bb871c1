/** @file The token that opens what changes something: taken from the first URL's fragment, kept in this
 * browser, sent to this address alone. It never stands in the address bar for longer than a moment, and
 * it never gets into a request's path. */
import { signal } from './html.js';

const KEY = 'switchboard.token';

/** The token; none: the page may look and not touch. */
export const token = signal(/** @type {string|null} */ (stored()));
/** Whether the switchboard refused it. */
export const tokenRefused = signal(false);

/** @returns {string|null} */
function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/**
 * Keeps a token, or forgets the one that there is.
 * @param {string|null} value
 */
export function keepToken(value) {
  try {
    if (value) localStorage.setItem(KEY, value);
    else localStorage.removeItem(KEY);
  } catch {
    // Without storage it is kept until the page is closed.
  }
  tokenRefused.value = false;
  token.value = value || null;
}

/**
 * The token of a fragment such as `#token=abc`, and the fragment without it.
 * @param {string} hash
 * @returns {{token: string|null, rest: string}}
 */
export function splitToken(hash) {
  const found = /^#token=([^&]*)&?(.*)$/.exec(hash);
  if (!found) return { token: null, rest: hash };
  return { token: decodeURIComponent(found[1] ?? '') || null, rest: found[2] ? `#${found[2]}` : '' };
}

/** Takes the token out of the address bar; to be called before anything looks at the fragment. */
export function takeToken() {
  const found = splitToken(location.hash);
  if (!found.token) return;
  keepToken(found.token);
  history.replaceState(null, '', location.pathname + found.rest);
}
