/** @file Light, dark, or as the system has it. The colours themselves are in `style/base.css`. */
import { computed, effect, signal } from './html.js';

const KEY = 'switchboard.theme';
/** @typedef {'auto'|'light'|'dark'} Theme */

// There is no document where the modules around this one are tested.
const page = globalThis.document?.documentElement;
const dark = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
const systemIsDark = signal(dark?.matches ?? false);
dark?.addEventListener('change', () => (systemIsDark.value = dark.matches));

/** What the person chose. */
export const theme = signal(/** @type {Theme} */ (page?.dataset.theme ?? 'auto'));
/** What is shown. */
export const shownTheme = computed(() => {
  if (theme.value !== 'auto') return theme.value;
  return systemIsDark.value ? 'dark' : 'light';
});

effect(() => {
  const chosen = theme.value;
  if (!page) return;
  if (chosen === 'auto') delete page.dataset.theme;
  else page.dataset.theme = chosen;
  try {
    if (chosen === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // Without storage it lasts until the page is closed.
  }
});

/** A colour of the style sheets as a canvas understands it.
 * @param {string} name such as `--accent`
 * @returns {string} */
export function colour(name) {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
