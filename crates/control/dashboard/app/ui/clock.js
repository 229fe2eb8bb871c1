/** @file A clock for what counts by itself (uptimes, ages): one timer for the whole page, which stands still
 * while nobody looks at it. */
import { signal, useEffect } from '../html.js';

const seconds = signal(Date.now());
let users = 0;
/** @type {any} */
let timer = null;

function run() {
  clearInterval(timer);
  timer = null;
  if (!users || document.visibilityState === 'hidden') return;
  seconds.value = Date.now();
  timer = setInterval(() => (seconds.value = Date.now()), 1000);
}

globalThis.document?.addEventListener('visibilitychange', run);

/** Milliseconds now, to the second, as long as the component is there. @returns {number} */
export function useNow() {
  useEffect(() => {
    users += 1;
    run();
    return () => {
      users -= 1;
      run();
    };
  }, []);
  return seconds.value;
}
