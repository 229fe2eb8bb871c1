/** @file What must be done before anything is painted: the theme that the person chose. It is a classic
 * script, since a module would come after the first frame, and does nothing else. */
try {
  const theme = localStorage.getItem('switchboard.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme is good enough.
}
