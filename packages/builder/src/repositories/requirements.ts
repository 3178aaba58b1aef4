import type { Requirement } from '@copr/rpm/package-info'
import { isRich, richOperands } from '@copr/rpm/rich-dependency'
import { messageOf } from '@copr/process/errors'
import { BuildFailure } from '../build-failure.ts'

const MAX_REQUIREMENTS = 10_000
const MAX_REQUIREMENT_LENGTH = 64 * 1024
/** Maximum total length of all requirements; the largest known specs need less than 100 KiB. */
const MAX_TOTAL_LENGTH = 1024 * 1024
const MAX_SHOWN = 200

/**
 * Throws a BuildFailure if rpm would not accept one of the requirements in a spec, because a build can write anything into its SRPM's
 * header.
 */
export function checkRequirements(requires: readonly Requirement[]): void {
  if (requires.length > MAX_REQUIREMENTS)
    throw new BuildFailure(
      `Cannot install ${requires.length} requirements: the limit is ${MAX_REQUIREMENTS}`,
      { category: 'resources' },
    )
  let length = 0
  for (const one of requires) {
    const fault = faultOfRequirement(one)
    if (fault !== undefined)
      throw new BuildFailure(`Cannot install ${JSON.stringify(shortened(one.name))}: ${fault}`, {
        category: 'dependency',
      })
    length += one.name.length + one.version.length
  }
  if (length > MAX_TOTAL_LENGTH)
    throw new BuildFailure(
      `Cannot install requirements of ${length} characters: the limit is ${MAX_TOTAL_LENGTH} characters`,
      { category: 'resources' },
    )
}

function faultOfRequirement({ name, comparison, version }: Requirement): string | undefined {
  if (name === '') return 'the name is empty'
  if (name.length + version.length > MAX_REQUIREMENT_LENGTH)
    return `it is longer than ${MAX_REQUIREMENT_LENGTH} characters`
  if (UNPRINTABLE.test(name) || UNPRINTABLE.test(version))
    return 'it contains control characters, or is not UTF-8'
  if (comparison !== '' && (version === '' || /\s/.test(version)))
    return `${JSON.stringify(version)} is not a version`
  if (!isRich({ name })) return undefined
  if (comparison !== '') return 'a rich dependency cannot have a version'
  try {
    richOperands(name)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** Control characters, line separators, and the replacement character for bytes that are not UTF-8. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\uFFFD]/u

/** Returns all names that the requirements contain: one for `zlib-devel >= 1.2`, two for `(gcc or clang)`. */
export function namesRequired(requires: readonly Requirement[]): string[] {
  return requires
    .flatMap((one) => (isRich(one) ? richOperands(one.name) : one))
    .map(({ name }) => name)
}

/** Shortens a requirement for messages. */
export function shortened(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
