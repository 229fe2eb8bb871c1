// Places of the dashboard in both themes, on a phone and on a wide screen: nothing serious for axe, nothing
// over the edge, a picture of each. It is no scenario by itself.

import { accessible, openPage, shot, visit } from './dashboard.mjs';

/** Each place is `[name, place, what must be there]`. */
export async function looks(browser, places) {
  for (const scheme of ['light', 'dark']) {
    for (const [width, height] of [[375, 812], [1920, 1080]]) {
      const page = await openPage(browser, { width, height, scheme });
      for (const [name, place, wanted] of places) {
        await visit(page, place, wanted);
        await accessible(page, `${name} ${width} ${scheme}`);
        await shot(page, `${name}-${width}-${scheme}`);
      }
      await page.context().close();
    }
  }
}
