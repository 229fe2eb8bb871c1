/** @file Questions before something that cannot be taken back: the browser's own dialog, so that focus, Escape
 * and screen readers behave. */
import { html, signal, useEffect, useRef } from '../html.js';

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text what will happen
 * @property {string} action word on the button
 * @property {boolean} [danger]
 */

const asked = signal(/** @type {(Question & {answer: (yes: boolean) => void})|null} */ (null));

/** Asks; true when the person agrees. @param {Question} question @returns {Promise<boolean>} */
export function confirm(question) {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ yes) => {
      asked.value = null;
      resolve(yes);
    };
    asked.value = { ...question, answer };
  });
}

/** The place of the question; once in the page. */
export function Confirm() {
  const question = asked.value;
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    if (question) dialog.current?.showModal();
  }, [question]);
  if (!question) return null;
  const no = () => question.answer(false);
  return html`<dialog ref=${dialog} class="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text" onClose=${no}>
    <h2 id="confirm-title">${question.title}</h2>
    <p id="confirm-text">${question.text}</p>
    <div class="row end">
      <button onClick=${no}>Cancel</button>
      <button class=${question.danger ? 'danger' : 'primary'} onClick=${() => question.answer(true)}>${question.action}</button>
    </div>
  </dialog>`;
}
