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

/** Every tab; where `all` is wanted, with the parts above. */
async function places(page, all) {
  const links = await page.locator('nav li a').evaluateAll((found) => found.map((link) => link.hash.slice(2)));
  const tabs = links.map((place) => [Object.keys(PLACES).find((called) => PLACES[called] === place) ?? place, place]);
  return all ? [...Object.entries(PLACES), ...tabs.filter(([called]) => !(called in PLACES))] : tabs;
}

await scenario(async (browser) => {
  const looks = [[1920, 1080, 'dark', true], [375, 812, 'light', true], [1920, 1080, 'light', false], [375, 812, 'dark', false]];
  for (const [width, height, scheme, all] of looks) {
    const page = await openPage(browser, { width, height, scheme });
    for (const [called, place] of await places(page, all)) {
      await visit(page, place);
      await accessible(page, `${called} ${width} ${scheme}`);
      await shot(page, `${called}-${width}-${scheme}`);
    }
    await page.context().close();
  }
});
