/** @file The frame of the page: navigation, how it is connected, who may act, and the open tab. What a tab
 * shows is the tab's business. */
import { Component } from '../vendor/preact.js';
import { comeback } from './api.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { href, route } from './route.js';
import { connection, live, topics, useLive } from './store.js';
import { TABS } from './tabs.js';
import { shownTheme, theme } from './theme.js';
import { token, tokenRefused } from './token.js';
import { useNow } from './ui/clock.js';
import { Confirm } from './ui/dialog.js';
import { clock, duration } from './ui/format.js';
import { Act, Command, Empty, Failure, Icon, Loading } from './ui/parts.js';
import { Toasts } from './ui/toasts.js';

const SUN = 'M12 4V2M12 22v-2M4 12H2M22 12h-2M6 6L4.5 4.5M19.5 19.5L18 18M18 6l1.5-1.5M4.5 19.5L6 18M12 8a4 4 0 100 8 4 4 0 000-8z';
const MOON = 'M20 14a8 8 0 01-10-10 8 8 0 1010 10z';

/** What is shown where a tab fails to draw: the rest of the page goes on. */
class Guarded extends Component {
  constructor() {
    super();
    this.state = { error: null };
  }

  /** @param {unknown} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render() {
    const { error } = /** @type {any} */ (this.state);
    if (!error) return /** @type {any} */ (this.props).children;
    const problem = { message: `this tab failed: ${error.message ?? error}`, hint: 'reload the page; if it stays, it is a bug of ours' };
    return html`<${Failure} problem=${problem} retry=${() => this.setState({ error: null })} />`;
  }
}

/** The whole page. */
export function Shell() {
  useLive('overview');
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <${Navigation} />
    <div class="page">
      <${Header} />
      <main id="main" tabindex="-1"><${Body} /></main>
    </div>
    <${Toasts} />
    <${Confirm} />`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** Links to the tabs; arrows move between them. */
function Navigation() {
  const list = useRef(/** @type {HTMLUListElement|null} */ (null));
  const open = route.value.tab;
  const known = TABS.some((tab) => tab.id === open);
  const attention = topics.overview?.value?.attention?.length ?? 0;
  // On a phone not all of them are in sight.
  useLayoutEffect(() => list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [open]);
  /** @param {KeyboardEvent} event */
  const move = (event) => {
    const links = [...(list.current?.querySelectorAll('a') ?? [])];
    const at = links.indexOf(/** @type {any} */ (document.activeElement));
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 });
    const to = steps[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    links.at(to % links.length)?.focus();
  };
  return html`<nav class="nav" aria-label="Tabs">
    <a class="brand" href=${href('overview')} tabindex="-1" aria-hidden="true"><${Icon} path="M5 4v16M12 4v16M19 4v16M2.5 9h5M9.5 15h5M16.5 7h5" /><span>Switchboard</span></a>
    <ul ref=${list} onKeyDown=${move}>
      ${TABS.map(({ id, title, icon }, index) => {
        const current = id === open;
        return html`<li key=${id}>
          <a href=${href(id)} aria-current=${current ? 'page' : undefined} tabindex=${current || (!known && index === 0) ? 0 : -1}>
            <${Icon} path=${icon} /><span>${title}</span>
            ${id === 'overview' && attention > 0 && html`<span class="count" aria-label=${`${attention} need a person`}>${attention}</span>`}
          </a>
        </li>`;
      })}
    </ul>
  </nav>`;
}

/** How it is connected, the theme, and what may be done. */
function Header() {
  const overview = topics.overview?.value;
  const dark = shownTheme.value === 'dark';
  return html`<header class="bar">
    <${ConnectionState} />
    <span class="grow"></span>
    ${overview?.draining && html`<span class="tag" data-tone="warn">shutting down</span>`}
    ${(!token.value || tokenRefused.value) &&
    html`<a class="tag" data-tone="warn" href=${href('settings')} title="Whatever changes something needs the token">
      ${tokenRefused.value ? 'Token refused' : 'View only'}
    </a>`}
    ${overview?.version && html`<span class="dim version">v${overview.version}</span>`}
    <button class="quiet" aria-label=${dark ? 'Use the light theme' : 'Use the dark theme'} onClick=${() => (theme.value = dark ? 'light' : 'dark')}>
      <${Icon} path=${dark ? SUN : MOON} />
    </button>
  </header>`;
}

function ConnectionState() {
  const { state, since, retryAt } = connection.value;
  // Said once, and not each second.
  const said = {
    live: 'Live',
    connecting: 'Connecting…',
    polling: `Live updates unavailable, data of ${clock(since)}`,
    stale: `Stale since ${clock(since)}`,
    locked: tokenRefused.value ? 'The token is not valid here' : 'Nothing is shown without the token',
  }[state];
  const away = state !== 'live' && state !== 'connecting';
  return html`<div class="connection" data-state=${state}>
    <span role="status" aria-live="polite"><span class="dot"></span>${said}</span>
    ${away && html`<${Countdown} until=${retryAt} polling=${state === 'polling'} />
    <${Act} class="small" onClick=${() => (live.wake(), live.refresh())}>Refresh<//>`}
  </div>`;
}

/** @param {{until: number|null, polling: boolean}} props */
function Countdown({ until, polling }) {
  const now = useNow();
  if (!until) return null;
  const left = Math.max(0, until - now);
  return html`<span class="dim countdown">${left > 0 ? `${polling ? 'refreshing' : 'trying again'} in ${duration(left + 999)}` : 'trying…'}</span>`;
}

/** Tabs that were loaded already. @type {Map<string, Function>} */
const loaded = new Map();

/** The open tab, loaded when it is opened first. */
function Body() {
  const { tab: id, rest, query } = route.value;
  const row = TABS.find((one) => one.id === id);
  const [state, setState] = useState(/** @type {{id: string, problem: any}|null} */ (null));
  const [round, setRound] = useState(0);
  const arrived = useRef(false);
  useEffect(() => {
    if (!row || loaded.has(id)) return;
    row.load().then(
      (module) => {
        loaded.set(id, module.Tab);
        setState({ id, problem: null });
      },
      (error) => setState({ id, problem: { message: 'this tab cannot be loaded now', hint: `${error.message}; is the switchboard running? switchboard status` } }),
    );
  }, [id, round, comeback.value]);
  useLayoutEffect(() => {
    document.title = `${row?.title ?? 'Nothing here'} · Switchboard`;
    // Whoever opened a tab with the keyboard goes on reading in it.
    if (arrived.current) document.getElementById('main')?.focus({ preventScroll: true });
    arrived.current = true;
    scrollTo(0, 0);
  }, [id, rest.join('/')]);
  if (!row) {
    return html`<${Empty} title=${`There is no tab “${id}”`}><a href=${href('overview')}>Go to the overview</a><//>`;
  }
  if (connection.value.state === 'locked' && id !== 'settings') {
    return html`<${Empty} title="This switchboard wants a token">Open the page with <${Command} text="switchboard dashboard" />, or <a href=${href('settings')}>enter the token</a>.<//>`;
  }
  const Tab = loaded.get(id);
  if (Tab) return html`<${Guarded} key=${id}><${Tab} rest=${rest} query=${query} /><//>`;
  if (state?.id === id && state.problem) return html`<${Failure} problem=${state.problem} retry=${() => setRound(round + 1)} />`;
  return html`<${Loading} rows=${6} />`;
}
