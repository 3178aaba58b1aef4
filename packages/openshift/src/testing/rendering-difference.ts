import { Document, isMap, isScalar, parse, visit } from 'yaml'
import type { KubeObject } from '@copr/kube-client/kube-object'
import { align } from './align.ts'
import { applyChanges, changesBetween, type Changes } from './changes.ts'

/** How a rendering differs from another one. Objects are identified like `Deployment copr/frontend`. */
export interface RenderingDifference {
  removed: string[]
  changed: Record<string, Changes>
  /** The added objects, each with the object that precedes it; `after` is missing if the object is the first one. */
  added: { after?: string; object: KubeObject }[]
}

export function differenceBetween(before: KubeObject[], after: KubeObject[]): RenderingDifference {
  const steps = align(before, after, idOf)
  const difference: RenderingDifference = { removed: [], changed: {}, added: [] }
  let last: KubeObject | undefined
  for (const step of steps)
    if ('pair' in step) {
      const changes = changesBetween(...step.pair)
      if (Object.keys(changes).length > 0) difference.changed[idOf(step.pair[0])] = changes
      last = step.pair[1]
    } else {
      difference.removed.push(...step.was.map(idOf))
      for (const object of step.is) {
        difference.added.push({ ...(last && { after: idOf(last) }), object })
        last = object
      }
    }
  return difference
}

/**
 * Reconstructs the second rendering from the first one and the difference between them. Throws if `before` is not the rendering that was
 * compared.
 */
export function applyDifference(
  before: KubeObject[],
  { removed, changed, added }: RenderingDifference,
): KubeObject[] {
  const objects = new Map(before.map((object) => [idOf(object), object]))
  if (objects.size < before.length) throw new Error('Two objects of the base have one name')
  for (const id of [...removed, ...Object.keys(changed)])
    if (!objects.has(id)) throw new Error(`Cannot apply the difference: the base has no ${id}`)
  for (const id of removed) objects.delete(id)
  const result = [...objects].map(([id, object]) =>
    changed[id] ? (applyChanges(object, changed[id]) as KubeObject) : object,
  )
  for (const { after, object } of added) {
    const index = result.findIndex((each) => idOf(each) === after)
    if (after !== undefined && index === -1)
      throw new Error(`Cannot add ${idOf(object)}: there is no ${after}`)
    result.splice(index + 1, 0, object)
  }
  return result
}

/** Formats a difference as a file for reviewers: a change of short values takes one line. */
export function textOfDifference(base: string, difference: RenderingDifference): string {
  const document = new Document({ base, ...difference }, { aliasDuplicateObjects: false })
  visit(document, {
    Map(_, node) {
      const values = node.items.map(({ value }) => value)
      const isShort = values.every((each) => isScalar(each) && !String(each.value).includes('\n'))
      const isChange = isMap(node) && node.items.every(({ key }) => /^(was|is)$/.test(String(key)))
      if (isShort && isChange) node.flow = true
    },
  })
  return document.toString({ lineWidth: 0, blockQuote: 'literal' })
}

export function parseDifference(text: string): RenderingDifference & { base: string } {
  return parse(text) as RenderingDifference & { base: string }
}

/** Identifies an object by its name without the checksum at the end: a Job whose checksum has changed is the same Job. */
function idOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  const stem = name.replace(/-[0-9a-f]{10}$/, '')
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${stem}`
}
