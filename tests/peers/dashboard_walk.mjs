// Walks every tab and every part of a server in both themes and on a phone and a wide screen: nothing
// serious for axe, nothing over the edge, a picture of each.

import { accessible, given, openPage, scenario, shot, visit } from './dashboard.mjs';

const [name] = given.servers;
const PLACES = {
  overview: 'overview',
  servers: 'servers',
  dependencies: 'servers?view=graph',
  server: `servers/${name}`,
  'server-log': `servers/${name}?view=log`,
  'server-health': `servers/${name}?view=health`,
  'server-why': `servers/${name}?view=why`,
  'server-capabilities': `servers/${name}?view=capabilities`,
  'server-configuration': `servers/${name}?view=config`,
  logs: 'logs',
  settings: 'settings',
  configuration: 'settings?view=config',
  limits: 'settings?view=limits',
  audit: 'settings?view=audit',
  ...given.places,
};

/** What is said above, and every other tab. */
async function places(page) {
  const links = await page.locator('nav li a').evaluateAll((found) => found.map((link) => link.hash.slice(2)));
  const known = new Set(Object.values(PLACES));
  return [...Object.entries(PLACES), ...links.filter((place) => !known.has(place)).map((place) => [place, place])];
}

await scenario(async (browser) => {
  const looks = [[1920, 1080, 'dark'], [1920, 1080, 'light'], [375, 812, 'light'], [375, 812, 'dark']];
  for (const [width, height, scheme] of looks) {
    const page = await openPage(browser, { width, height, scheme });
    for (const [called, place] of await places(page)) {
      await visit(page, place);
      await accessible(page, `${called} ${width} ${scheme}`);
      await shot(page, `${called}-${width}-${scheme}`);
    }
    await page.context().close();
  }
});
