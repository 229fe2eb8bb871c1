/** @file What the switchboard's index says of the words that a person types: tools by meaning too, with
 * reasons. Where it does not answer, the list in the page is searched by words alone, as before. */

import { post } from '../api.js';
import { useEffect, useState } from '../html.js';

/** How long nobody types before it is asked, in milliseconds. */
const QUIET_MS = 120;
/** Tools that are asked for. */
const LIMIT = 50;

/**
 * What `POST /api/search` answers, as far as it is shown.
 * @typedef {object} Said
 * @property {string} band `confident`, `weak` or `nothing`.
 * @property {Hit[]} tools The best first.
 * @property {number} took_us
 */
/** @typedef {{name: string, server: string, own: string, score: number, tokens: number, reasons: {kind: string, text: string}[]}} Hit */

/**
 * The answer to a text, once there is one; none while it is typed, and where the index does not answer.
 * @param {string} text
 * @param {string} server Only tools of this one.
 * @returns {Said|null}
 */
export function useAsked(text, server) {
  const [answer, setAnswer] = useState(/** @type {{to: string, said: Said|null}} */ ({ to: '', said: null }));
  const to = JSON.stringify([text.trim(), server]);
  useEffect(() => {
    if (!text.trim()) return undefined;
    const abort = new AbortController();
    const body = { query: text.trim(), limit: LIMIT, ...(server ? { server } : {}) };
    const quiet = setTimeout(() => {
      post('/api/search', body, { signal: abort.signal }).then(
        (said) => setAnswer({ to, said }),
        () => abort.signal.aborted || setAnswer({ to, said: null }),
      );
    }, QUIET_MS);
    return () => {
      clearTimeout(quiet);
      abort.abort();
    };
  }, [to]);
  return answer.to === to ? answer.said : null;
}

/** What a band says of the list under it. @param {Said|null} said */
export function bandText(said) {
  if (said?.band === 'weak') return 'none fits surely';
  return said?.band === 'nothing' ? 'none fits: these are nearest' : '';
}
