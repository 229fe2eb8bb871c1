/** @file The one place where the page takes its tools from: Preact, hooks, signals and templates. Nothing
 * else imports from `vendor/`, but for the two libraries that draw. What is written into a template is a
 * text node or an attribute; there is no way to write markup. */
import { Fragment, createContext, h, render } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from '../vendor/hooks.js';
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from '../vendor/signals.js';
export { Fragment, createContext, h, render };

/** Templates: html`<p class=${name}>${text}</p>`. */
export const html = htm.bind(h);
