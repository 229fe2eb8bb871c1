/** @file Begins: takes the token out of the address, connects, and draws the shell. */
import { html, render } from './html.js';
import { parseRoute, route } from './route.js';
import { Shell } from './shell.js';
import { startLive } from './store.js';
import { takeToken } from './token.js';

/** A token is taken out of the fragment before anything looks at it. */
function arrive() {
  takeToken();
  route.value = parseRoute(location.hash);
}

arrive();
addEventListener('hashchange', arrive);
startLive();
const place = document.getElementById('app');
if (place) {
  place.replaceChildren();
  render(html`<${Shell} />`, place);
}
performance.mark('switchboard-interactive');
