/**
 * Returns the strongly connected components of a directed graph, each after those that it points to. Uses Tarjan's algorithm without
 * recursion, because a path can contain every node of a large graph. `next` may return nodes that are not in `nodes`; they are ignored.
 */
export function components<Node>(
  nodes: readonly Node[],
  next: (node: Node) => readonly Node[],
): Node[][] {
  const known = new Set(nodes)
  const found: Node[][] = []
  /** The order in which nodes were visited. */
  const indexes = new Map<Node, number>()
  /** The lowest index known to be in a node's component. */
  const lowest = new Map<Node, number>()
  const open: Node[] = []
  const isOpen = new Set<Node>()

  for (const start of nodes) {
    if (indexes.has(start)) continue
    const path = [enter(start)]
    for (let at = path.at(-1); at; at = path.at(-1)) {
      const { node, rest } = at
      const follower = rest.pop()
      if (follower === undefined) {
        path.pop()
        leave(node, path.at(-1)?.node)
      } else if (!indexes.has(follower)) path.push(enter(follower))
      else if (isOpen.has(follower)) lower(node, indexes.get(follower) ?? 0)
    }
  }
  return found

  function enter(node: Node): { node: Node; rest: Node[] } {
    lowest.set(node, indexes.size)
    indexes.set(node, indexes.size)
    open.push(node)
    isOpen.add(node)
    return { node, rest: next(node).filter((one) => known.has(one)) }
  }

  function leave(node: Node, parent: Node | undefined): void {
    const low = lowest.get(node) ?? 0
    if (parent !== undefined) lower(parent, low)
    if (low !== indexes.get(node)) return
    const component = open.splice(open.lastIndexOf(node))
    for (const one of component) isOpen.delete(one)
    found.push(component)
  }

  function lower(node: Node, index: number): void {
    lowest.set(node, Math.min(lowest.get(node) ?? index, index))
  }
}
