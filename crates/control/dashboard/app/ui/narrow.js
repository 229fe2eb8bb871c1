/** @file Whether the page is as narrow as a phone: where a table becomes a list of cards. The same width
 * stands in the style sheets. */
import { signal } from '../html.js';

const query = globalThis.matchMedia?.('(max-width: 860px)');

/** True on a narrow page. */
export const narrow = signal(query?.matches ?? false);
query?.addEventListener('change', () => (narrow.value = query.matches));
