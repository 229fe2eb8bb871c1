/** @file The tabs in their order. Each is loaded when somebody opens it; its module exports the component
 * `Tab`, which is given the rest of the path and the query. */

/** @typedef {{id: string, title: string, icon: string, load: () => Promise<{Tab: Function}>}} TabRow */

/** @type {TabRow[]} */
export const TABS = [
  { id: 'overview', title: 'Overview', icon: 'M3 12h4l3-8 4 16 3-8h4', load: () => import('./overview/tab.js') },
];
