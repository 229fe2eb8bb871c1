// What the page uses of Preact. Templates are not typed, so neither are the props of elements.
export type VNode = object;
export type Ref<T> = { current: T };
export function h(type: unknown, props: unknown, ...children: unknown[]): VNode;
export function render(what: unknown, place: Element): void;
export function createContext<T>(value: T): { Provider: Function };
export const Fragment: Function;
export class Component {
  props: unknown;
  state: unknown;
  setState(state: unknown): void;
}
