/** @file The tabs in their order. Each is loaded when somebody opens it; its module exports the component
 * `Tab`, which is given the rest of the path and the query. */

/** @typedef {{id: string, title: string, icon: string, load: () => Promise<{Tab: Function}>}} TabRow */

/** @type {TabRow[]} */
export const TABS = [
  { id: 'overview', title: 'Overview', icon: 'M3 12h4l3-8 4 16 3-8h4', load: () => import('./overview/tab.js') },
  { id: 'servers', title: 'Servers', icon: 'M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01', load: () => import('./servers/tab.js') },
  { id: 'logs', title: 'Logs', icon: 'M4 6h16M4 10h12M4 14h16M4 18h9', load: () => import('./logs/tab.js') },
  {
    id: 'settings',
    title: 'Settings',
    icon: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
    load: () => import('./settings/tab.js'),
  },
];
