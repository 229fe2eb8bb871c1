// What the page uses of dagre.
export class Graph {
  constructor(options?: { directed?: boolean; multigraph?: boolean });
  setGraph(label: object): void;
  graph(): { width?: number; height?: number };
  setDefaultEdgeLabel(make: () => object): void;
  setNode(id: string, label: object): void;
  setEdge(from: string, to: string, label?: object): void;
  node(id: string): { x: number; y: number; width: number; height: number };
  edge(from: string, to: string): { points: { x: number; y: number }[] };
  hasNode(id: string): boolean;
}
export function layout(graph: Graph): void;
