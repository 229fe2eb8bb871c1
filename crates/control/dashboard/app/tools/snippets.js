/**
 * @file A call of a tool as text to paste elsewhere: for a shell with curl, for our command line, for
 * Python. Every argument is data in it, whatever it holds. It deliberately never holds the token: a
 * snippet ends up in chats and histories.
 */

/**
 * @typedef {object} Call
 * @property {string} name Public name, or SERVER.TOOL.
 * @property {any} args The arguments.
 * @property {string} origin Where the switchboard is, such as `http://127.0.0.1:7420`.
 */

/**
 * @param {Call} call
 * @returns {string}
 */
export function asCurl({ name, args, origin }) {
  return [
    '# SWITCHBOARD_TOKEN is what stands in the file `token` of the data folder',
    `curl -sS ${quoted(`${origin}/api/call`)} \\`,
    '  -H "Authorization: Bearer $SWITCHBOARD_TOKEN" \\',
    "  -H 'Content-Type: application/json' \\",
    `  --data-binary ${quoted(JSON.stringify({ name, arguments: args }))}`,
  ].join('\n');
}

/**
 * @param {Call} call
 * @returns {string}
 */
export function asCli({ name, args }) {
  const given = Object.keys(args ?? {}).length > 0 ? ` --args-json ${quoted(JSON.stringify(args))}` : '';
  return `switchboard call ${quoted(name)}${given}`;
}

/**
 * @param {Call} call
 * @returns {string}
 */
export function asPython({ name, args, origin }) {
  return [
    'import json, os, urllib.request',
    '',
    `body = ${python({ name, arguments: args })}`,
    'request = urllib.request.Request(',
    `    ${python(`${origin}/api/call`)},`,
    '    data=json.dumps(body).encode(),',
    '    headers={',
    '        "Authorization": "Bearer " + os.environ["SWITCHBOARD_TOKEN"],',
    '        "Content-Type": "application/json",',
    '    },',
    ')',
    'with urllib.request.urlopen(request) as answer:',
    '    print(json.dumps(json.load(answer), indent=2))',
  ].join('\n');
}

/**
 * One word of a POSIX shell: nothing in it is read by the shell.
 * @param {string} text
 * @returns {string}
 */
export function quoted(text) {
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(text) && !text.startsWith('-')) return text;
  // No shell can be given a NUL; in JSON it stands escaped already.
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * A value as a Python literal.
 * @param {any} value
 * @param {string} [indent]
 * @returns {string}
 */
export function python(value, indent = '') {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  // What JSON escapes in a text, Python reads in the same way.
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : 'None';
  const more = `${indent}    `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const lines = Array.isArray(value)
    ? value.map((one) => python(one, more))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${python(one, more)}`);
  if (lines.length === 0) return `${open}${close}`;
  return `${open}\n${lines.map((line) => `${more}${line},\n`).join('')}${indent}${close}`;
}
