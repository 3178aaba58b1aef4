import { sourceNameFault } from '@copr/rpm/source-name'
import { BuildFailure } from '../build-failure.ts'

/** The digest algorithms, each with the number of hexadecimal digits of its digests, by which they are distinguished. */
const HEX_LENGTH = { md5: 32, sha1: 40, sha256: 64, sha512: 128 } as const
type Algorithm = keyof typeof HEX_LENGTH

export interface SourceEntry {
  algorithm: Algorithm
  hex: string
  fileName: string
}

const OLD = /^([0-9a-fA-F]{32,128})\s+(\S.*)$/
const NEW = /^(MD5|SHA1|SHA256|SHA512) \((.+)\) = ([0-9a-fA-F]+)$/
const MAX_ENTRIES = 1000

/**
 * Parses dist-git's list of files in the lookaside cache, one per line: `DIGEST  NAME` or `SHA512 (NAME) = DIGEST`. Some dist-gits write
 * the names with their folder, `SOURCES/NAME`.
 */
export function parseSourceList(text: string, folder = '.'): SourceEntry[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length > MAX_ENTRIES)
    throw new BuildFailure(`Cannot read the sources file: it has more than ${MAX_ENTRIES} lines`, {
      category: 'prep',
    })
  return lines.map((line) => parseLine(line, `${folder}/`))
}

function parseLine(line: string, folder: string): SourceEntry {
  const [, oldHex, oldName] = OLD.exec(line) ?? []
  const [, label, newName, newHex] = NEW.exec(line) ?? []
  const hex = (oldHex ?? newHex ?? '').toLowerCase()
  const path = oldName ?? newName
  const algorithm = algorithmOf(hex)
  const isLabelRight = label === undefined || label.toLowerCase() === algorithm
  if (algorithm === undefined || path === undefined || !isLabelRight)
    throw new BuildFailure(
      `Cannot read the sources file: expected a digest and a file name, found ${JSON.stringify(line.slice(0, 200))}`,
      { category: 'prep' },
    )
  const fileName = path.startsWith(folder) ? path.slice(folder.length) : path
  checkSourceName(fileName)
  return { algorithm, hex, fileName }
}

function algorithmOf({ length }: string): Algorithm | undefined {
  return (Object.keys(HEX_LENGTH) as Algorithm[]).find((name) => HEX_LENGTH[name] === length)
}

/** Throws a BuildFailure if the name is not allowed for a source file. */
export function checkSourceName(name: string): void {
  const fault = sourceNameFault(name)
  if (fault)
    throw new BuildFailure(
      `Cannot use the source file ${JSON.stringify(name)}: its name ${fault}`,
      { category: 'prep' },
    )
}
