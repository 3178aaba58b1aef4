import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

interface Import {
  /** As it is written: `./run.ts`, `@copr/process/run`, `hono/html`, `node:fs`. */
  specifier: string
  /** The file of this repository that it means; undefined: a package from outside. */
  target: string | undefined
}

/** The imports of each file, by path in the repository. */
export type ImportGraph = Map<string, Import[]>

/** As the formatter lays them out: statements begin a line; `import('…')` may be a type, too. */
const IMPORTS =
  /^(?:import|export)\b[^'"`;]*?\bfrom '(?<from>[^']+)'|^import '(?<bare>[^']+)'|\bimport\(\s*'(?<dynamic>[^']+)'/gm

/** Reads all TypeScript of the checkout at `root`. */
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
      // A relative import of no file is text that a program writes: the compiler refuses others.
      return [file, imports.filter(({ target }) => target === undefined || known.has(target))]
    }),
  )
}

/** The modules that a source imports, types included, in the order of the source. */
export function specifiersIn(source: string): string[] {
  return [...source.matchAll(IMPORTS)].map(
    ({ groups: { from, bare, dynamic } = {} }) => from ?? bare ?? dynamic ?? '',
  )
}

/** The file of each module that a package of ours exports: `@copr/process/run` is `packages/process/src/run.ts`. */
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

/** Circles between files: the strongly connected components of two files and more, each with its imports. */
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

/** Tarjan's algorithm. A file that imports itself counts. */
function connectedComponents(edges: Map<string, string[]>): string[][] {
  const order = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  // Returns the earliest file on the stack that can be reached.
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
