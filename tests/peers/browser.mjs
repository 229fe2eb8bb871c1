// A browser with nobody before it: opens a page, keeps cookies, follows redirects to the end.
// Usage: browser.mjs URL; prints the last page's status and text.

const cookies = new Map();
let url = process.argv[2];
for (let hop = 0; hop < 20; hop += 1) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(url, { redirect: 'manual', headers: cookie ? { cookie } : {} });
  for (const set of response.headers.getSetCookie()) {
    const [pair] = set.split(';');
    const at = pair.indexOf('=');
    cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
  const next = response.headers.get('location');
  if (!next) {
    console.log(response.status, await response.text());
    break;
  }
  url = new URL(next, url).href;
}
