/**
 * @file What leaves the page by a person's hand: a text to the clipboard, bytes to a file. It deliberately
 * sends nothing anywhere.
 */

import { html } from '../html.js';
import { toast } from '../ui/toasts.js';

/** How long a file may take to be saved before its bytes are let go, in milliseconds. */
const SAVED_MS = 60_000;

/**
 * A button that copies a text, made when it is pressed.
 * @param {{label: string, text: () => string}} props
 */
export function Copy({ label, text }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      toast('ok', `Copied for ${label}`);
    } catch {
      toast('bad', 'The browser did not let the page copy', 'it does over https and on this machine: http://127.0.0.1');
    }
  };
  return html`<button type="button" class="small" title=${`Copy this call for ${label}`} onClick=${copy}>${label}</button>`;
}

/**
 * Saves bytes as a file of this name.
 * @param {string} name
 * @param {string} kind
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function saveAs(name, kind, bytes) {
  // A kind that a browser would show with our address is saved as bytes.
  const safe = /^(audio|video|image)\/[a-z0-9.+-]+$/i.test(kind) && !/svg/i.test(kind) ? kind : 'application/octet-stream';
  const address = URL.createObjectURL(new Blob([bytes], { type: safe }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), SAVED_MS);
}
