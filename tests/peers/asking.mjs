// Tools of ts_modern_server.mjs that need something of the client before they can answer: a form, a
// page to open, a model, its roots, several at once, one after the other. They ask the way of
// 2026-07-28, by results that say what input is required; they never send a request.

import { createRequestStateCodec, inputRequired } from '@modelcontextprotocol/server';

const text = (said) => ({ content: [{ type: 'text', text: said }] });
const inputSchema = { type: 'object', properties: {} };

// What the client carries between two rounds comes back as it was, or is refused.
export const states = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) });

const form = (field) =>
  inputRequired.elicit({
    message: `What is your ${field}?`,
    requestedSchema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
  });

const model = () =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: 'What is the capital of France?' } }],
    maxTokens: 20,
  });

const of = {
  form: (answer, field) => (answer.action === 'accept' ? answer.content[field] : `(${answer.action})`),
  model: (answer) => answer.content.text ?? answer.content[0].text,
  roots: (answer) => answer.roots.map((root) => root.uri).join(' '),
};

// Asks for everything that has not been answered yet; then says it.
const ask = (description, questions, say) => ({
  description,
  inputSchema,
  run: (_, { mcpReq }) => {
    const answers = mcpReq.inputResponses ?? {};
    const open = Object.entries(questions).filter(([key]) => !(key in answers));
    if (open.length === 0) return text(say(answers));
    return inputRequired({ inputRequests: Object.fromEntries(open.map(([key, question]) => [key, question()])) });
  },
});

export const asking = {
  ask_form: ask('Asks for a name', { who: () => form('name') }, ({ who }) => `hello ${of.form(who, 'name')}`),
  ask_url: ask(
    'Asks to open a page',
    { page: () => inputRequired.elicitUrl({ message: 'Please sign in', url: 'http://127.0.0.1:9/sign-in' }) },
    ({ page }) => `page: ${page.action}`,
  ),
  ask_model: ask('Asks a model', { model }, (answers) => `the model said ${of.model(answers.model)}`),
  ask_roots: ask(
    'Asks for the roots',
    { roots: () => inputRequired.listRoots() },
    ({ roots }) => `roots: ${of.roots(roots)}`,
  ),
  ask_all: ask(
    'Asks for a name, a model and the roots at once',
    { who: () => form('name'), model, roots: () => inputRequired.listRoots() },
    ({ who, model, roots }) => `${of.form(who, 'name')} | ${of.model(model)} | ${of.roots(roots)}`,
  ),
  ask_twice: { description: 'Asks for a name, then for a colour', inputSchema, run: twice },
};

async function twice(_, context) {
  const answers = context.mcpReq.inputResponses ?? {};
  const name = context.mcpReq.requestState()?.name;
  if (name !== undefined && answers.colour) return text(`${name} likes ${of.form(answers.colour, 'colour')}`);
  if (!answers.who) return inputRequired({ inputRequests: { who: form('name') } });
  return inputRequired({
    inputRequests: { colour: form('colour') },
    requestState: await states.mint({ name: of.form(answers.who, 'name') }),
  });
}
