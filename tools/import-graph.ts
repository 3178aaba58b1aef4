import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

interface Import {
  /** The specifier in the source, such as `./run.ts`, `@copr/process/run`, `hono/html` or `node:fs`. */
  specifier: string
  /** The path of the imported file in this repository; undefined for external packages. */
  target: string | undefined
}

/** The imports of each file, by the file's path in the repository. */
export type ImportGraph = Map<string, Import[]>

/** Relies on the formatter: statements begin at the start of a line. `import('…')` may also be a type. */
const IMPORTS =
  /^(?:import|export)\b[^'"`;]*?\bfrom '(?<from>[^']+)'|^import '(?<bare>[^']+)'|\bimport\(\s*'(?<dynamic>[^']+)'/gm

/** Reads all TypeScript files of the checkout at `root`. */
export function readImportGraph(root: string): ImportGraph {
  const exported = exportsOf(root)
  const files = globSync('{packages/*,e2e,tools,bench}/**/*.ts', {
    cwd: root,
    exclude: ['**/node_modules/**'],
  })
  const known = new Set(files)
  return new Map(
    files.toSorted().map((file) => {
      const imports = specifiersIn(readFileSync(join(root, file), 'utf8')).map((specifier) => ({
        specifier,
        target: targetOf(specifier, file, exported),
      }))
      // A relative import of a missing file can only be in a string that contains generated code, because the compiler would reject it
      // anywhere else.
      return [file, imports.filter(({ target }) => target === undefined || known.has(target))]
    }),
  )
}

/** Returns the modules that a source file imports, including those of type imports, in the order of the source. */
export function specifiersIn(source: string): string[] {
  return [...source.matchAll(IMPORTS)].map(
    ({ groups: { from, bare, dynamic } = {} }) => from ?? bare ?? dynamic ?? '',
  )
}

/** Maps the exported modules of the project's packages to files: `@copr/process/run` to `packages/process/src/run.ts`. */
function exportsOf(root: string): Map<string, string> {
  const modules = readdirSync(join(root, 'packages')).flatMap((name) => {
    const folder = join('packages', name)
    const { exports = {} } = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    ) as { exports?: Record<string, string> }
    return Object.entries(exports).map(
      ([key, file]) => [join('@copr', name, key), join(folder, file)] as const,
    )
  })
  return new Map(modules)
}

function targetOf(
  specifier: string,
  file: string,
  exported: Map<string, string>,
): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier))
  if (!specifier.startsWith('@copr/')) return undefined
  const target = exported.get(specifier)
  if (target === undefined) throw new Error(`${file} imports ${specifier}, which is not exported`)
  return target
}

/**
 * Finds import cycles, which are the strongly connected components of the graph. Each cycle is returned as a list of its imports, as `FILE
 * → FILE`.
 */
export function circlesIn(graph: ImportGraph): string[][] {
  const edges = new Map(
    [...graph].map(([file, imports]) => [file, imports.flatMap(({ target }) => target ?? [])]),
  )
  return connectedComponents(edges).map((component) =>
    component.flatMap((file) =>
      (edges.get(file) ?? [])
        .filter((target) => component.includes(target))
        .map((target) => `${file} → ${target}`),
    ),
  )
}

/** Uses Tarjan's algorithm. A file that imports itself is a cycle, too. */
function connectedComponents(edges: Map<string, string[]>): string[][] {
  const order = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  // Returns the index of the earliest file on the stack that can be reached from this file.
  function visit(file: string): number {
    const index = order.size
    order.set(file, index)
    stack.push(file)
    const targets = edges.get(file) ?? []
    const reached = targets.map((target) => {
      if (!order.has(target)) return visit(target)
      return stack.includes(target) ? (order.get(target) ?? index) : index
    })
    const low = Math.min(index, ...reached)
    if (low === index) {
      const component = stack.splice(stack.indexOf(file))
      if (component.length > 1 || targets.includes(file)) found.push(component.toSorted())
    }
    return low
  }
  for (const file of edges.keys()) if (!order.has(file)) visit(file)
  return found
}
