// What the page uses of Preact's hooks.
type Cleanup = void | undefined | (() => unknown);
export function useState<T>(first: T | (() => T)): [T, (next: T | ((last: T) => T)) => void];
export function useEffect(run: () => Cleanup, inputs?: readonly unknown[]): void;
export function useLayoutEffect(run: () => Cleanup, inputs?: readonly unknown[]): void;
export function useRef<T>(first: T): { current: T };
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useCallback<T extends Function>(call: T, inputs: readonly unknown[]): T;
export function useContext<T>(context: unknown): T;
export function useId(): string;
