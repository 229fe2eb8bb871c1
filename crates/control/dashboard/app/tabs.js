/** @file The tabs in their order. Each is loaded when somebody opens it; its module exports the component
 * `Tab`, which is given the rest of the path and the query. */

/** @typedef {{id: string, title: string, icon: string, load: () => Promise<{Tab: Function}>}} TabRow */

/** @type {TabRow[]} */
export const TABS = [
  { id: 'overview', title: 'Overview', icon: 'M3 12h4l3-8 4 16 3-8h4', load: () => import('./overview/tab.js') },
  { id: 'servers', title: 'Servers', icon: 'M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01', load: () => import('./servers/tab.js') },
  { id: 'tools', title: 'Tools', icon: 'M14.5 6.5a4 4 0 00-5 5L4 17l3 3 5.5-5.5a4 4 0 005-5L15 12l-3-3z', load: () => import('./tools/tab.js') },
  { id: 'calls', title: 'Calls', icon: 'M4 6h6M4 12h12M10 18h10M4 18h2M14 6h6', load: () => import('./calls/tab.js') },
  { id: 'goals', title: 'Goals', icon: 'M6 21V4M6 5h11l-2.5 4L17 13H6', load: () => import('./goals/tab.js') },
  { id: 'memory', title: 'Memory', icon: 'M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3', load: () => import('./memory/tab.js') },
  { id: 'logs', title: 'Logs', icon: 'M4 6h16M4 10h12M4 14h16M4 18h9', load: () => import('./logs/tab.js') },
  {
    id: 'settings',
    title: 'Settings',
    icon: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
    load: () => import('./settings/tab.js'),
  },
];
