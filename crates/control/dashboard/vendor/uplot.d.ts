// What the page uses of uPlot.
export default class UPlot {
  constructor(options: object, data: unknown[], place: Element);
  setData(data: unknown[]): void;
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
  cursor: { idx?: number | null };
  static paths: { spline?: Function; bars?: Function };
}
