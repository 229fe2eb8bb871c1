/**
 * @file A form for the arguments of a tool: fields from its schema, or the JSON itself. It deliberately
 * runs nothing: whoever shows it is told what has been written.
 */

import { html, useId } from '../html.js';
import { begun, empty } from './draft.js';

/** @typedef {import('./schema.js').Field} Field */
/** @typedef {import('./draft.js').Draft} Draft */
/** @typedef {import('./draft.js').Trouble} Trouble */

/**
 * @typedef {object} Props
 * @property {Field} field
 * @property {Draft} draft
 * @property {(draft: Draft) => void} change
 * @property {string} path
 * @property {Trouble[]} troubles
 * @property {string} [label] In place of the field's title; empty where the field stands in a list.
 */

/** Kinds of fields in words. */
const KINDS = new Map([['json', 'JSON'], ['enum', 'one of'], ['const', 'fixed'], ['map', 'names and values'], ['array', 'list'], ['choice', 'one of']]);
/** What stands in an empty field of a format. */
const EXAMPLES = new Map([['date-time', '2026-11-21T09:30:00Z'], ['uri', 'https://'], ['email', 'name@example.org']]);
/** Names of texts that are rarely one line. */
const LONG = /text|body|content|message|prompt|code|script|sql|markdown|description|graph/i;

/**
 * The fields of all arguments.
 * @param {{form: Field, draft: Draft, change: (draft: Draft) => void, troubles: Trouble[]}} props
 */
export function Fields({ form, draft, change, troubles }) {
  if (form.kind === 'object' && form.fields?.length === 0 && !form.extra) {
    return html`<p class="dim">This tool takes no arguments.</p>`;
  }
  return html`<div class="form-fields">
    <${Inside} field=${form} draft=${draft} change=${change} path="" troubles=${troubles} />
  </div>`;
}

/**
 * A field with its label, what it is for, and what is wrong with it.
 * @param {Props} props
 */
function Labelled(props) {
  const { field, draft, path, troubles, change } = props;
  const id = useId();
  const wrong = troubles.filter((trouble) => trouble.path === path);
  const title = props.label ?? field.title ?? field.name;
  const about = [field.description && `${id}-about`, wrong.length > 0 && `${id}-wrong`].filter(Boolean).join(' ');
  const says = html`
    ${field.description && html`<p class="field-about" id=${`${id}-about`}>${field.description}</p>`}
    ${wrong.length > 0 &&
    html`<p class="field-wrong" id=${`${id}-wrong`}>${wrong.map((trouble) => trouble.says).join('; ')}</p>`}
  `;
  if (isGroup(field)) {
    const given = draft !== undefined;
    return html`<fieldset class="field-group" aria-describedby=${about || undefined}>
      <legend>${title || 'Entry'} <${Mark} field=${field} /></legend>
      ${says}
      ${given && html`<${Inside} ...${props} />`}
      ${!field.required &&
      html`<button type="button" class="small" onClick=${() => change(given ? undefined : empty(field))}>
        ${given ? 'Leave out' : 'Add'}${title ? ` ${title}` : ''}
      </button>`}
    </fieldset>`;
  }
  return html`<div class="field">
    <label for=${id}>${title || 'Entry'} <${Mark} field=${field} /></label>
    <${Control} ...${props} id=${id} about=${about || undefined} wrong=${wrong.length > 0} />
    ${says}
  </div>`;
}

/** @param {Field} field */
function isGroup(field) {
  return ['object', 'map', 'array', 'choice'].includes(field.kind);
}

/**
 * What kind of thing is wanted, in a few letters.
 * @param {{field: Field}} props
 */
function Mark({ field }) {
  const { min, max, above, below } = field;
  const from = min ?? (above !== undefined ? `>${above}` : undefined);
  const to = max ?? (below !== undefined ? `<${below}` : undefined);
  const range = from !== undefined || to !== undefined ? ` ${from ?? ''}…${to ?? ''}` : '';
  const word = field.kind === 'text' ? (field.format ?? 'text') : (KINDS.get(field.kind) ?? field.kind);
  return html`<span class="field-mark">${word}${range}${field.required ? html`<b> required</b>` : ''}</span>`;
}

/**
 * @param {Props & {id: string, about?: string, wrong: boolean}} props
 */
function Control({ field, draft, change, id, about, wrong, path }) {
  const common = { id, 'aria-describedby': about, 'aria-invalid': wrong ? 'true' : undefined, 'data-path': path };
  const typed = (/** @type {any} */ event) => change(event.currentTarget.value);
  const picked = (/** @type {any} */ event) => {
    const { value } = event.currentTarget;
    change(value === '' ? undefined : field.kind === 'boolean' ? value === 'true' : Number(value));
  };
  switch (field.kind) {
    case 'boolean':
      if (field.required) {
        const tick = (/** @type {any} */ event) => change(event.currentTarget.checked);
        return html`<input type="checkbox" ...${common} checked=${draft === true} onChange=${tick} />`;
      }
      return html`<select ...${common} value=${draft === undefined ? '' : String(draft)} onChange=${picked}>
        <option value="">not given</option>
        <option value="true">true</option>
        <option value="false">false</option>
      </select>`;
    case 'enum':
    case 'const':
      return html`<select ...${common} value=${draft === undefined ? '' : String(draft)} onChange=${picked}>
        ${(!field.required || draft === undefined) && html`<option value="">${field.required ? 'choose …' : 'not given'}</option>`}
        ${field.values?.map((value, index) => html`<option value=${String(index)}>${worded(value)}</option>`)}
      </select>`;
    case 'integer':
    case 'number': {
      const mode = field.kind === 'integer' ? 'numeric' : 'decimal';
      return html`<input type="text" inputmode=${mode} autocomplete="off" ...${common} value=${draft ?? ''} onInput=${typed} />`;
    }
    case 'json':
      return html`<textarea class="mono" rows="3" spellcheck=${false} ...${common} value=${draft ?? ''} onInput=${typed} placeholder='JSON, such as "text", 1 or {"a": true}'></textarea>`;
    default:
      if (LONG.test(field.name) || (field.max ?? 0) > 200) {
        return html`<textarea rows="3" ...${common} value=${draft ?? ''} onInput=${typed} placeholder=${hinted(field)}></textarea>`;
      }
      return html`<input type=${field.format === 'date' ? 'date' : 'text'} autocomplete="off" ...${common} value=${draft ?? ''} onInput=${typed} placeholder=${hinted(field)} />`;
  }
}

/** @param {Field} field */
function hinted(field) {
  return field.pattern ? `must match ${field.pattern}` : (EXAMPLES.get(field.format ?? '') ?? '');
}

/** @param {any} value */
function worded(value) {
  return typeof value === 'string' ? value || '(empty)' : JSON.stringify(value);
}

/**
 * What is in a group.
 * @param {Props} props
 */
function Inside({ field, draft, change, path, troubles }) {
  switch (field.kind) {
    case 'object': {
      const set = (/** @type {string} */ name, /** @type {Draft} */ one) =>
        change({ ...draft, members: { ...draft.members, [name]: one } });
      return html`
        ${field.fields?.map(
          (member) => html`<${Labelled}
            key=${member.name}
            field=${member}
            draft=${draft.members[member.name]}
            change=${(/** @type {Draft} */ one) => set(member.name, one)}
            path=${path ? `${path}.${member.name}` : member.name}
            troubles=${troubles}
          />`,
        )}
        ${field.extra &&
        html`<${Entries} item=${field.extra} entries=${draft.extra} path=${path} troubles=${troubles}
          change=${(/** @type {any} */ extra) => change({ ...draft, extra })} />`}
      `;
    }
    case 'map':
      return html`<${Entries} item=${field.item} entries=${draft.entries} path=${path} troubles=${troubles}
        change=${(/** @type {any} */ entries) => change({ entries })} />`;
    case 'array':
      return html`<${Items} field=${field} items=${draft.items} path=${path} troubles=${troubles}
        change=${(/** @type {any} */ items) => change({ items })} />`;
    case 'choice':
      return html`<${Choice} field=${field} draft=${draft} change=${change} path=${path} troubles=${troubles} />`;
    default:
      return html`<${Labelled} field=${field} draft=${draft} change=${change} path=${path} troubles=${troubles} />`;
  }
}

/**
 * The entries of a list.
 * @param {{field: Field, items: Draft[], path: string, troubles: Trouble[], change: (items: Draft[]) => void}} props
 */
function Items({ field, items, path, troubles, change }) {
  const { item } = field;
  if (!item) return null;
  const one = { ...item, required: true };
  return html`
    <ol class="field-items">
      ${items.map(
        (draft, index) => html`<li key=${index}>
          <${Labelled} field=${one} draft=${draft} label=${item.title || `Entry ${index + 1}`} path=${`${path}[${index}]`} troubles=${troubles}
            change=${(/** @type {Draft} */ next) => change(items.with(index, next))} />
          <button type="button" class="small" aria-label=${`Remove entry ${index + 1}`} onClick=${() => change(items.toSpliced(index, 1))}>✕</button>
        </li>`,
      )}
    </ol>
    <button type="button" class="small" onClick=${() => change([...items, begun(one) ?? empty(one)])}>Add entry</button>
  `;
}

/**
 * Names that a person chooses, each with a value.
 * @param {{item: Field|undefined, entries: {key: string, draft: Draft}[], path: string, troubles: Trouble[],
 *   change: (entries: {key: string, draft: Draft}[]) => void}} props
 */
function Entries({ item, entries, path, troubles, change }) {
  if (!item) return null;
  const one = { ...item, required: true };
  return html`
    ${entries.map(
      ({ key, draft }, index) => html`<div class="field-entry" key=${index}>
        <input type="text" class="mono" aria-label=${`Name ${index + 1}`} placeholder="name" value=${key}
          onInput=${(/** @type {any} */ event) => change(entries.with(index, { key: event.currentTarget.value, draft }))} />
        <${Labelled} field=${one} draft=${draft} label=${item.title || 'Value'} troubles=${troubles}
          path=${path ? `${path}.${key || `#${index + 1}`}` : key || `#${index + 1}`}
          change=${(/** @type {Draft} */ next) => change(entries.with(index, { key, draft: next }))} />
        <button type="button" class="small" aria-label=${`Remove ${key || `entry ${index + 1}`}`} onClick=${() => change(entries.toSpliced(index, 1))}>✕</button>
      </div>`,
    )}
    <button type="button" class="small" onClick=${() => change([...entries, { key: '', draft: begun(one) ?? empty(one) }])}>Add a name</button>
  `;
}

/**
 * One of several shapes.
 * @param {Props} props
 */
function Choice({ field, draft, change, path, troubles }) {
  const options = field.options ?? [];
  const option = options[draft.option];
  const pick = (/** @type {any} */ event) => {
    const at = Number(event.currentTarget.value);
    const chosen = options[at];
    change({ option: at, draft: chosen && (begun(chosen) ?? empty(chosen)) });
  };
  return html`
    <select aria-label=${`Shape of ${field.title || 'this'}`} value=${String(draft.option)} onChange=${pick}>
      ${options.map((one, index) => html`<option value=${String(index)}>${one.title || one.description || shape(one)}</option>`)}
    </select>
    ${option &&
    html`<${Inside} field=${{ ...option, required: true, title: option.title || shape(option) }} draft=${draft.draft} path=${path} troubles=${troubles}
      change=${(/** @type {Draft} */ next) => change({ ...draft, draft: next })} />`}
  `;
}

/** @param {Field} field */
function shape(field) {
  if (field.kind === 'const') return worded(field.values?.[0]);
  if (field.kind === 'object') return `object with ${field.fields?.map((one) => one.name).join(', ') || 'any members'}`;
  return { text: 'text', json: 'anything', array: 'list', map: 'names and values', enum: 'one of some' }[/** @type {string} */ (field.kind)] ?? field.kind;
}
