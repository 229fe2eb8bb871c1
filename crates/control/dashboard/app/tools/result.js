/**
 * @file A result of a tool as parts that can be shown: text, JSON, images, sound, links. What came from a
 * server is data here: no part is ever read as HTML, and no address is followed by itself.
 */

/** The largest image that is shown at once, in characters of base64 (about 6 MB). */
export const IMAGE_CHARS_MAX = 8_000_000;
/** Characters of a text that are shown at first. */
export const TEXT_CHARS_MAX = 20_000;
/** Only these are shown as images; anything else is offered as a file. */
const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp', 'image/svg+xml']);

/**
 * @typedef {{is: 'text', text: string}
 *   | {is: 'json', value: any}
 *   | {is: 'image', source: string, kind: string, bytes: number}
 *   | {is: 'file', data: string, kind: string, name: string, bytes: number, base64: boolean}
 *   | {is: 'link', address: string, follow: boolean, name: string, description: string, kind: string}
 *   | {is: 'embedded', address: string, kind: string, inner: Part[]}} Part
 */

/**
 * @param {any} result What `POST /api/call` answered.
 * @returns {{failed: boolean, parts: Part[], structured: any}} `structured` is `undefined` where there is none.
 */
export function partsOf(result) {
  const content = Array.isArray(result?.content) ? result.content : [];
  const structured = result?.structuredContent;
  const parts = content.map(partOf).filter((/** @type {Part|null} */ part) => part !== null);
  // Servers repeat structured content as text for older clients: once is enough.
  const repeated = structured === undefined ? undefined : JSON.stringify(structured);
  const fresh = parts.filter((/** @type {Part} */ part) => part.is !== 'json' || JSON.stringify(part.value) !== repeated);
  return { failed: result?.isError === true, parts: fresh, structured };
}

/**
 * @param {any} block
 * @returns {Part|null}
 */
function partOf(block) {
  switch (block?.type) {
    case 'text':
      return textual(String(block.text ?? ''));
    case 'image':
      return image(String(block.data ?? ''), String(block.mimeType ?? ''));
    case 'audio':
      return file(String(block.data ?? ''), String(block.mimeType ?? 'audio/wav'), 'audio', true);
    case 'resource_link':
      return link(block);
    case 'resource':
      return embedded(block.resource ?? {});
    case undefined:
      return null;
    default:
      return { is: 'json', value: block };
  }
}

/**
 * @param {string} text
 * @returns {Part}
 */
function textual(text) {
  const begin = text.trimStart()[0];
  if (begin === '{' || begin === '[') {
    try {
      return { is: 'json', value: JSON.parse(text) };
    } catch {
      // A text like any other.
    }
  }
  return { is: 'text', text };
}

/**
 * @param {string} data
 * @param {string} kind
 * @returns {Part}
 */
function image(data, kind) {
  const clean = data.replace(/\s+/g, '');
  if (!IMAGES.has(kind) || clean.length > IMAGE_CHARS_MAX || !/^[A-Za-z0-9+/=]*$/.test(clean)) {
    return file(data, kind || 'application/octet-stream', 'image', true);
  }
  return { is: 'image', source: `data:${kind};base64,${clean}`, kind, bytes: decodedBytes(clean) };
}

/**
 * @param {string} data
 * @param {string} kind
 * @param {string} name
 * @param {boolean} base64
 * @returns {Part}
 */
function file(data, kind, name, base64) {
  const ending = /^[a-z]+\/([a-z0-9]{1,8})/i.exec(kind)?.[1]?.toLowerCase() ?? 'bin';
  const bytes = base64 ? decodedBytes(data) : new TextEncoder().encode(data).length;
  return { is: 'file', data, kind, name: name.includes('.') ? name : `${name}.${ending}`, bytes, base64 };
}

/**
 * @param {any} block
 * @returns {Part}
 */
function link(block) {
  const address = String(block.uri ?? '');
  return {
    is: 'link',
    address,
    follow: /^https?:\/\//i.test(address),
    name: String(block.title ?? block.name ?? address),
    description: String(block.description ?? ''),
    kind: String(block.mimeType ?? ''),
  };
}

/**
 * @param {any} resource
 * @returns {Part}
 */
function embedded(resource) {
  const address = String(resource.uri ?? '');
  const kind = String(resource.mimeType ?? '');
  const name = address.split(/[/\\]/).pop()?.replace(/[^A-Za-z0-9._-]/g, '_') || 'resource';
  const inner =
    typeof resource.blob === 'string'
      ? [kind.startsWith('image/') ? image(resource.blob, kind) : file(resource.blob, kind, name, true)]
      : [textual(String(resource.text ?? ''))];
  return { is: 'embedded', address, kind, inner };
}

/** @param {string} base64 */
function decodedBytes(base64) {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.max(0, Math.floor((base64.length * 3) / 4) - padding);
}

/**
 * The bytes of a file part.
 * @param {{data: string, base64: boolean}} part
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytesOf({ data, base64 }) {
  if (!base64) return new TextEncoder().encode(data);
  const binary = atob(data.replace(/\s+/g, ''));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
