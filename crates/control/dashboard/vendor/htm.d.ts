// Templates, bound to what makes elements.
declare const htm: { bind<T>(make: T): (parts: TemplateStringsArray, ...values: unknown[]) => any };
export default htm;
